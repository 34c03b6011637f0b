// Package bundle makes of a template with folders on this machine one that a server can deploy: it finds what is local
// (CodeUri, Code, ContentUri, DefinitionUri, …), zips folders so that equal folders give equal bytes, and puts the
// places of the uploads into the template.
//
// It uploads nothing itself and builds nothing: dependencies are in the folder or are not there.
package bundle

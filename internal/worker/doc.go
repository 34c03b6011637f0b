// Package worker unpacks archives that strangers made: zips of function code and layers. Unzip does it below a folder's
// handle, within limits; a Cache runs it in a process of its own that has no network, no other folder and little of
// anything, and keeps the result under its digest, for every sandbox to mount.
//
// A zip is verified against its SHA-256 before anybody looks into it. What is unpacked is first a temporary folder,
// then synced, then renamed, so that a folder of the cache is always whole. Files are 0444 or 0555, folders 0555; owners, setuid, devices and
// extended attributes are dropped; links are stored as text, and those that lead out of the folder by dots are refused.
//
// Unpacked code is not sealed: the cache belongs on a memory file system or is declared unsealed. It is neither the
// blob store, where the zips are kept, nor a cache with a bound: whoever fills it removes what is no longer used.
package worker

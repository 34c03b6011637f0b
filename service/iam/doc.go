// Package iam is AWS Identity and Access Management: users, groups, roles, managed and inline policies with their
// versions, attachments, permissions boundaries, access keys and tags, and the policy simulator (AWS Identity and Access
// Management API Reference and User Guide). It is global: an account has one, whatever the region. It is also the
// directory in which the policy plane finds who a principal is and which policies concern it.
//
// What differs from AWS: login profiles, MFA devices, certificates, SSH keys, identity providers, instance profiles and
// service-linked roles are not there; keys of the root user are not made or listed here; the last use of keys and roles
// is not recorded; the names of users, groups, roles and policies are found regardless of case; the documents of one
// principal's inline policies have 1 MiB in all, white space included; the creation date of the root user is not known
// and reads 1970; system tags that a stack passes on (aws:) are not kept; the simulator knows no resource policies per resource
// type (ResourceHandlingOption) and no organisation.
package iam

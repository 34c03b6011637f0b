// Package iam is AWS Identity and Access Management: users, groups, roles, managed and inline policies with their
// versions, attachments, permissions boundaries, access keys and tags, and the policy simulator (AWS Identity and Access
// Management API Reference and User Guide). It is global: an account has one, whatever the region. It is also the
// directory in which the policy plane finds who a principal is and which policies concern it.
//
// What differs from AWS:
//   - login profiles, MFA devices, certificates, SSH keys, identity providers, instance profiles and service-linked roles
//     are not there; keys of the root user are not made or listed here, and its creation date reads 1970;
//   - the last use of keys and roles is not recorded;
//   - users, groups, roles and policies are found by their names regardless of case, by their ARNs in the one spelling;
//   - the documents of one principal's inline policies have 1 MiB in all, white space included;
//   - the ids of AWS's managed policies are made up, and their older versions are not known;
//   - a trust policy may name a user or role of an account that is not in this cloud, who is nobody; a role's session in
//     it is kept by its ARN and not by the role's id;
//   - system tags that a stack passes on (aws:) are not kept;
//   - the simulator knows no kinds of EC2 resources (ResourceHandlingOption), no organisation and no exclusions.
package iam

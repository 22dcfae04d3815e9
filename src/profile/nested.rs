//! What stands inside a resource and has a definition of its own: extensions, contained resources, entries of a Bundle.

use serde_json::Value;

use super::check::Walk;
use super::definition::unversioned;
use super::place::{Host, Place};
use super::program::{Content, Node, Typed};
use crate::fhir::outcome::{IssueType, Severity};

impl<'a> Walk<'a> {
    pub(super) fn extension(
        &mut self,
        typed: &'a Typed,
        node: &Node,
        sliced: bool,
        value: &'a Value,
        place: &Place<'_>,
        host: Host<'_>,
    ) {
        let Content::Object(plain) = typed.content else { return };
        let url = value.get("url").and_then(Value::as_str).unwrap_or_default();
        let known = self.program.extensions.get(url);
        let shape = if sliced {
            plain
        } else {
            known.map_or(plain, |known| known.shape)
        };
        // Inside another extension a name will do.
        let nested = host.code == "Extension";
        if node.name == "modifierExtension" && !sliced {
            self.issue(
                IssueType::Extension,
                place,
                "a modifierExtension changes the meaning and is not understood here",
            );
        } else if known.is_none() && !sliced && !nested {
            if !url.contains(':') {
                self.issue(IssueType::Extension, place, "the url of an extension must be absolute");
            } else {
                let severity = if self.strict {
                    Severity::Error
                } else {
                    Severity::Warning
                };
                self.push(
                    severity,
                    IssueType::Extension,
                    place,
                    "this extension is not known here",
                );
            }
        } else if let Some(known) = known
            && !nested
            && !fits(&known.context, host, place.depth == 1)
        {
            self.issue(IssueType::Extension, place, "this extension may not stand here");
        }
        let shape = &self.program.shapes[shape];
        self.object(
            shape,
            value,
            place,
            Host {
                base: "Extension",
                code: "Extension",
            },
        );
    }

    /// A resource inside another one: contained, or an entry of a Bundle.
    pub(super) fn inner(&mut self, value: &'a Value, place: &Place<'_>) {
        let Some(kind) = value.get("resourceType").and_then(Value::as_str) else {
            return self.issue(IssueType::Structure, place, "must be a resource with a resourceType");
        };
        let Some(&shape) = self.program.resources.get(kind) else {
            return self.issue(IssueType::NotSupported, place, "this resource type is not known here");
        };
        let (root, resource) = (self.root, self.resource);
        self.resource = value;
        if resource.get("resourceType").and_then(Value::as_str) == Some("Bundle") {
            self.root = value;
        }
        let shape = &self.program.shapes[shape];
        self.object(
            shape,
            value,
            place,
            Host {
                base: &shape.kind,
                code: &shape.kind,
            },
        );
        for profile in value
            .pointer("/meta/profile")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(&claimed) = profile
                .as_str()
                .and_then(|url| self.program.roots.get(unversioned(url)))
            else {
                continue;
            };
            let claimed = &self.program.shapes[claimed];
            if claimed.kind == kind {
                self.object(
                    claimed,
                    value,
                    place,
                    Host {
                        base: &claimed.kind,
                        code: &claimed.kind,
                    },
                );
            }
        }
        (self.root, self.resource) = (root, resource);
    }
}

fn fits(context: &[String], host: Host<'_>, top: bool) -> bool {
    context.is_empty()
        || context.iter().any(|one| {
            one == "Element"
                || one == host.base
                || one == host.code
                || (top && (one == "Resource" || one == "DomainResource"))
        })
}

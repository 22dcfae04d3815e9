//! Where the walk stands, and what an extension stands on.

/// Where the walk stands: `Observation.performer[0]` is two places.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    up: Option<&'a Place<'a>>,
    name: &'a str,
    index: Option<usize>,
    pub(super) depth: usize,
}

impl<'a> Place<'a> {
    pub(super) fn root(name: &'a str) -> Self {
        Self {
            up: None,
            name,
            index: None,
            depth: 0,
        }
    }

    pub(super) fn below<'b>(&'b self, name: &'b str, index: Option<usize>) -> Place<'b> {
        Place {
            up: Some(self),
            name,
            index,
            depth: self.depth + 1,
        }
    }

    pub(super) fn render(&self) -> String {
        let mut text = match self.up {
            Some(up) => format!("{}.{}", up.render(), self.name),
            None => self.name.to_owned(),
        };
        if let Some(index) = self.index {
            text.push_str(&format!("[{index}]"));
        }
        text
    }
}

/// What an extension stands on: the element, and its type.
#[derive(Clone, Copy)]
pub(super) struct Host<'a> {
    pub(super) base: &'a str,
    pub(super) code: &'a str,
}

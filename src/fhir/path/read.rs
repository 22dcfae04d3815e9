//! Reads the text of paths and expressions.

use super::{Branch, Condition, MAX_TEXT, PathError, Walk, is_type_suffix};

pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, PathError> {
        let reader = Self { text, at: 0 };
        if text.len() > MAX_TEXT {
            Err(reader.error("the text is too long"))
        } else {
            Ok(reader)
        }
    }

    pub(super) fn error(&self, reason: &'static str) -> PathError {
        PathError {
            reason,
            offset: self.at,
        }
    }

    pub(super) fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    pub(super) fn done(&mut self) -> bool {
        self.skip();
        self.at == self.text.len()
    }

    pub(super) fn take(&mut self, token: &str) -> bool {
        self.skip();
        let hit = self.text[self.at..].starts_with(token);
        if hit {
            self.at += token.len();
        }
        hit
    }

    pub(super) fn need(&mut self, token: &'static str) -> Result<(), PathError> {
        if self.take(token) {
            return Ok(());
        }
        Err(self.error(match token {
            "." => "expected `.`",
            "(" => "expected `(`",
            ")" => "expected `)`",
            "]" => "expected `]`",
            "=" => "expected `=`",
            _ => "expected more",
        }))
    }

    /// A whole word, so that `as` is not taken out of `asserter`.
    pub(super) fn word(&mut self, word: &str) -> bool {
        self.skip();
        let rest = &self.text[self.at..];
        let hit = rest
            .strip_prefix(word)
            .is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric()));
        if hit {
            self.at += word.len();
        }
        hit
    }

    pub(super) fn name(&mut self) -> Result<&'a str, PathError> {
        self.skip();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if end == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.error("expected a name"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    pub(super) fn index(&mut self) -> Result<usize, PathError> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let index = rest[..end].parse().ok().filter(|index| *index < 10_000);
        let index = index.ok_or_else(|| self.error("expected an index below 10000"))?;
        self.at += end;
        self.need("]")?;
        Ok(index)
    }

    pub(super) fn literal(&mut self) -> Result<String, PathError> {
        self.need("'")?;
        let rest = &self.text[self.at..];
        let end = rest.find('\'').ok_or_else(|| self.error("the text has no end"))?;
        if rest[..end].contains('\\') {
            return Err(self.error("escapes are not supported"));
        }
        self.at += end + 1;
        Ok(rest[..end].to_owned())
    }

    /// `Type.a.b`, `(Type.a as T)` or `(Type.a as T).b`.
    pub(super) fn branch(&mut self) -> Result<Branch, PathError> {
        let mut branch = if self.take("(") {
            let mut inner = self.branch()?;
            if self.word("as") {
                let kind = self.name()?;
                self.cast(&mut inner.steps, kind)?;
            }
            self.need(")")?;
            inner
        } else {
            let first = self.name()?;
            match first {
                "Resource" | "DomainResource" => Branch {
                    kind: None,
                    steps: Vec::new(),
                },
                kind if kind.starts_with(|c: char| c.is_ascii_uppercase()) => Branch {
                    kind: Some(kind.to_owned()),
                    steps: Vec::new(),
                },
                field => Branch {
                    kind: None,
                    steps: vec![Walk::Field(field.to_owned())],
                },
            }
        };
        loop {
            if self.take("[") {
                branch.steps.push(Walk::Item(self.index()?));
            } else if self.take(".") {
                self.step(&mut branch.steps)?;
            } else {
                return Ok(branch);
            }
        }
    }

    pub(super) fn step(&mut self, steps: &mut Vec<Walk>) -> Result<(), PathError> {
        let name = self.name()?;
        if !self.take("(") {
            steps.push(Walk::Field(name.to_owned()));
            return Ok(());
        }
        match name {
            "as" | "ofType" => {
                let kind = self.name()?;
                self.cast(steps, kind)?;
            }
            "where" => steps.push(Walk::Where(self.conditions()?)),
            "first" => steps.push(Walk::Item(0)),
            _ => return Err(self.error("this function is not supported")),
        }
        self.need(")")
    }

    pub(super) fn conditions(&mut self) -> Result<Vec<Condition>, PathError> {
        let mut all = Vec::new();
        loop {
            let mut path = vec![self.name()?.to_owned()];
            if path[0] == "resolve" && self.take("(") {
                self.need(")")?;
                if !self.word("is") {
                    return Err(self.error("expected `is`"));
                }
                all.push(Condition::RefersTo(self.name()?.to_owned()));
            } else {
                while self.take(".") {
                    path.push(self.name()?.to_owned());
                }
                self.need("=")?;
                all.push(Condition::Equals {
                    path,
                    text: self.literal()?,
                });
            }
            if !self.word("and") {
                return Ok(all);
            }
        }
    }

    /// Narrows the last field to one type of its choice.
    pub(super) fn cast(&self, steps: &mut [Walk], kind: &str) -> Result<(), PathError> {
        let mut letters = kind.chars();
        let suffix: String = letters
            .next()
            .map(|c| c.to_ascii_uppercase())
            .into_iter()
            .chain(letters)
            .collect();
        match steps.last_mut() {
            Some(last @ Walk::Field(_)) if is_type_suffix(&suffix) => {
                if let Walk::Field(name) = last {
                    *last = Walk::Exact(format!("{name}{suffix}"));
                }
                Ok(())
            }
            Some(Walk::Field(_)) => Err(self.error("no such type of a choice")),
            _ => Err(self.error("a type can only follow a field")),
        }
    }
}

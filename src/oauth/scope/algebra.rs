//! Asked and allowed, narrower than, covered by.

use super::{Action, Actions, Context, Data, Form, Scope, Scopes};

impl Scopes {
    /// What of these scopes `allowed` admits, in the words of these scopes.
    #[must_use]
    pub fn within(&self, allowed: &Self) -> Self {
        let mut kept: Vec<Scope> = Vec::new();
        for scope in &self.0 {
            match scope {
                Scope::Data(asked) => {
                    for piece in asked.within(allowed) {
                        let piece = Scope::Data(piece);
                        if !kept.contains(&piece) {
                            kept.push(piece);
                        }
                    }
                }
                other if allowed.has(other) => kept.push(other.clone()),
                _ => {}
            }
        }
        Self(kept)
    }

    /// Whether `other` asks nothing that these scopes do not already give.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|scope| match scope {
            Scope::Data(data) => data.actions.iter().all(|action| self.covers_one(data, action)),
            plain => self.has(plain),
        })
    }

    fn covers_one(&self, asked: &Data, action: Action) -> bool {
        self.data().any(|own| {
            own.context == asked.context
                && own.actions.has(action)
                && (own.kind.is_none() || own.kind == asked.kind)
                && own.filters.iter().all(|filter| asked.filters.contains(filter))
        })
    }

    /// What an app gets in its own name: without a person there is nobody to give anything else.
    #[must_use]
    pub fn of_a_backend(&self) -> Self {
        self.keep(|scope| of_a_backend(scope))
    }

    /// Without `system/`: a person cannot give what is not theirs.
    #[must_use]
    pub fn of_a_person(&self) -> Self {
        self.keep(|scope| !of_a_backend(scope))
    }

    /// Without what makes a grant give refresh tokens.
    #[must_use]
    pub fn once(&self) -> Self {
        self.keep(|scope| !is_refresh(scope))
    }

    /// Whether refresh tokens come with them.
    pub fn refreshes(&self) -> bool {
        self.0.iter().any(is_refresh)
    }
}

fn is_refresh(scope: &Scope) -> bool {
    matches!(scope, Scope::OfflineAccess | Scope::OnlineAccess)
}

fn of_a_backend(scope: &Scope) -> bool {
    match scope {
        Scope::Data(data) => data.context == Context::System,
        scope => *scope == Scope::Launches,
    }
}

impl Data {
    /// The pieces of this scope that `allowed` admits: the meet with each allowed scope, without pieces that another covers.
    fn within(&self, allowed: &Scopes) -> Vec<Self> {
        let mut pieces: Vec<Self> = Vec::new();
        for piece in allowed.data().filter_map(|other| self.meet(other)) {
            if !pieces.iter().any(|kept| kept.contains(&piece)) {
                pieces.retain(|kept| !piece.contains(kept));
                pieces.push(piece);
            }
        }
        pieces
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        let kind = match (self.kind, other.kind) {
            (own, None) => own,
            (None, theirs) => theirs,
            (own, theirs) if own == theirs => own,
            _ => return None,
        };
        let actions = Actions(self.actions.0 & other.actions.0);
        if self.context != other.context || actions.0 == 0 {
            return None;
        }
        let v1 = [Actions::READ, Actions::WRITE, Actions::ALL].contains(&actions);
        let mut filters = self.filters.clone();
        for filter in &other.filters {
            if !filters.contains(filter) {
                filters.push(filter.clone());
            }
        }
        Some(Self {
            context: self.context,
            kind,
            actions,
            // v1 has no words for parameters, nor for single letters.
            form: if filters.is_empty() && v1 { self.form } else { Form::V2 },
            filters,
        })
    }

    /// Whether this scope alone gives all that `other` gives.
    fn contains(&self, other: &Self) -> bool {
        self.context == other.context
            && other.actions.iter().all(|action| self.actions.has(action))
            && (self.kind.is_none() || self.kind == other.kind)
            && self.filters.iter().all(|filter| other.filters.contains(filter))
    }
}

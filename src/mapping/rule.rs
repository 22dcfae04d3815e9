//! Drop rules and conditions, as they stand in a map.

use super::compile::{Compiler, Keys};
use super::file::{Item, Node};
use super::plan::Rule;
use super::when::{Scalar, Test, Unnamed, When};

impl Compiler<'_> {
    pub(super) fn rules(&mut self, node: Option<&Node>, at: &str) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (name, node) in node.map_or(&[][..], Node::entries) {
            let at = format!("{at}.{name}");
            let mut keys = Keys::of(node);
            keys.take("rule");
            let reason = keys.take("reason").and_then(|reason| self.text(reason, &at));
            let when = keys.take("when");
            if reason.is_none() || when.is_none() {
                let message = "a drop rule has `rule`, `reason` and `when`";
                self.problems.push(&node.place, &at, message);
            }
            let when = when.map(|when| self.when(when, &at)).unwrap_or_default();
            if when.0.is_empty() {
                // Such a rule would drop everything, and is a slip.
                self.problems
                    .push(&node.place, &at, "the `when` of a drop rule must test something");
            }
            rules.push(Rule {
                name: name.clone(),
                reason: reason.unwrap_or_default().to_owned(),
                when,
            });
            keys.finish(&at, self.problems);
        }
        rules
    }

    pub(super) fn when(&mut self, node: &Node, at: &str) -> When {
        match &node.item {
            Item::List(tests) => When(tests.iter().filter_map(|test| self.test(test, at)).collect()),
            _ => When(self.test(node, at).into_iter().collect()),
        }
    }

    fn test(&mut self, node: &Node, at: &str) -> Option<Test> {
        const FORM: &str = "a condition is `{ field = \"…\", is | not | exists | same | differs | outside = … }` \
                            or `{ list = \"…\", exists = … }`";
        let mut keys = Keys::of(node);
        let exists = |node: &Node| match node.item {
            Item::Bool(wanted) => Some(wanted),
            _ => None,
        };
        let test = if let Some(list) = keys.take("list") {
            let list = self.named_list(list, at)?;
            keys.take("exists")
                .and_then(exists)
                .map(|wanted| Test::ListExists(list, wanted))
        } else {
            let field = keys.take("field").and_then(|node| self.field(node, at))?;
            let tests = ["is", "not", "exists", "same", "differs", "outside"];
            let given: Vec<_> = tests
                .into_iter()
                .filter_map(|test| keys.take(test).map(|operand| (test, operand)))
                .collect();
            match given.as_slice() {
                [("is", operand)] => scalars(operand).map(|values| Test::Is(field, values)),
                [("not", operand)] => scalars(operand).map(|values| Test::Not(field, values)),
                [("exists", operand)] => exists(operand).map(|wanted| Test::Exists(field, wanted)),
                [("same", operand)] => self.field(operand, at).map(|other| Test::Same(field, other)),
                [("differs", operand)] => self.field(operand, at).map(|other| Test::Differs(field, other)),
                [("outside", operand)] => match operand.text() {
                    Some("report-types") => Some(Test::OutsideReportTypes(field, Unnamed::Published)),
                    Some("named-report-types") => Some(Test::OutsideReportTypes(field, Unnamed::Withheld)),
                    _ => None,
                },
                _ => None,
            }
        };
        if test.is_none() {
            self.problems.push(&node.place, at, FORM);
        }
        keys.finish(at, self.problems);
        test
    }
}

fn scalars(node: &Node) -> Option<Vec<Scalar>> {
    let scalar = |node: &Node| match &node.item {
        Item::Text(text) => Some(Scalar::Text(text.clone())),
        Item::Number(number) => number.as_i64().map(Scalar::Number),
        Item::Bool(value) => Some(Scalar::Bool(*value)),
        _ => None,
    };
    match &node.item {
        Item::List(nodes) if !nodes.is_empty() => nodes.iter().map(scalar).collect(),
        _ => scalar(node).map(|one| vec![one]),
    }
}

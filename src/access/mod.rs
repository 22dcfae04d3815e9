//! decide(caller, interaction) -> Denied | Visible.

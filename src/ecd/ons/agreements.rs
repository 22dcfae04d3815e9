//! Whether the client agreed with a plan: the product tells it of one plan at a time.
//!
//! # Design
//! - The product says that there is an agreement, and not since when. None and not yet are one thing.
//! - ASSUMPTION: a plan without an agreement is answered with 404 in the product's form, which names the plan; the answer is the
//!   agreement itself, of a plan that is over as well.

use serde_json::Value;

use super::pull::Run;
use super::transport::{Missing, Target};
use crate::ecd::Error;

pub(super) const AGREEMENT: &str = "/v0/dossier/back_channel/unauthorized/care_plan/{id}/agreement";

impl Run {
    /// Whether the client agreed with this plan of theirs.
    pub(super) async fn is_agreed(&self, client: &str, plan: u64) -> Result<bool, Error> {
        let target = Target {
            path: AGREEMENT,
            id: &plan.to_string(),
            query: Vec::new(),
            missing: Missing::Answers,
        };
        match self.transport.one(&target).await? {
            Some(agreement) => is_about(&agreement, client, plan).map(|()| true),
            None => Ok(false),
        }
    }
}

/// Of another plan or client it says nothing.
fn is_about(agreement: &Value, client: &str, plan: u64) -> Result<(), Error> {
    let owner = agreement
        .get("clientId")
        .and_then(Value::as_u64)
        .map(|id| id.to_string());
    if agreement.get("carePlanId").and_then(Value::as_u64) == Some(plan) && owner.as_deref() == Some(client) {
        return Ok(());
    }
    Err(Error::Shape {
        path: AGREEMENT,
        problem: "an agreement with another plan than the one asked for",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_agreement_counts_for_the_plan_and_the_client_that_it_names() {
        assert!(
            is_about(
                &json!({"carePlanId": 71, "clientId": 10101, "employeeId": 5}),
                "10101",
                71
            )
            .is_ok()
        );
        for other in [
            json!({"carePlanId": 72, "clientId": 10101}),
            json!({"carePlanId": 71, "clientId": 10102}),
            json!({"carePlanId": 71}),
            json!({}),
        ] {
            assert!(is_about(&other, "10101", 71).is_err(), "{other}");
        }
    }
}

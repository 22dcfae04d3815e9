//! Whether the client agreed with a plan: the product tells it of one plan at a time.
//!
//! # Design
//! - Asked of each plan in force, of a client who was asked for, and counted in the day like the lists. What was once agreed about a
//!   plan that is over changes nothing any more, and a draft stays inside.
//! - The product says that there is an agreement, and not since when: `akkoord: true` is joined to the plan. None and not yet are one
//!   thing. Where it cannot be asked, the plans of that client wait for the next pull: without it they would lose it for no reason.
//! - ASSUMPTION: a plan without an agreement is answered with 404 in the product's form; the answer is the agreement itself.

use serde_json::Value;

use super::lists::is_in_force;
use super::pull::Run;
use super::transport::{Missing, Target};
use crate::config::OnsList;
use crate::ecd::Error;

const AGREEMENT: &str = "/v0/dossier/back_channel/unauthorized/care_plan/{id}/agreement";

impl Run {
    /// Joins to the plans of a client what the client agreed with.
    pub(super) async fn agree(&self, client: &str, plans: &mut [Value]) -> Result<(), Error> {
        for plan in plans {
            let Value::Object(object) = &mut *plan else { continue };
            // A field of this name that the source sends is not ours.
            object.shift_remove("akkoord");
            let Some(id) = is_in_force(client, plan).filter(|_| !self.without.contains(&OnsList::Agreement)) else {
                continue;
            };
            if !self.transport.has_time() {
                return Err(Error::Budget { path: AGREEMENT });
            }
            let target = Target {
                path: AGREEMENT,
                id: &id.to_string(),
                query: Vec::new(),
                missing: Missing::Answers,
            };
            if let Some(agreement) = self.transport.one(&target).await? {
                is_about(&agreement, client, id)?;
                plan["akkoord"] = true.into();
            }
        }
        Ok(())
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

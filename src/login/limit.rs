//! How many codes may leave: for an account, a number, the numbers beside it, a network and an organisation.
//!
//! # Design
//! Each SMS costs money, and who makes a gateway send them by the thousand earns it (toll fraud). A code is sent only after
//! the right password, so every limit here is reached by somebody who knows one. The counters are the codes themselves, in the
//! database, so replicas and restarts change nothing; locks are taken in one order, so two logins never wait for each other.

use jiff::{SignedDuration, Timestamp};

use super::{Refused, challenge};
use crate::account::{self, Account, Number};
use crate::config::{Tenant, TenantId};
use crate::db::Tx;
use crate::notify;
use crate::secret::hex;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Where the organisation's budget is used up, this long.
const LATER: SignedDuration = SignedDuration::from_mins(10);

/// To whom a code goes.
pub(super) struct To<'a> {
    pub(super) account: &'a Account,
    pub(super) number: Number,
    pub(super) number_key: [u8; 32],
    pub(super) prefix_key: [u8; 32],
    pub(super) network: Option<String>,
}

/// Until the end of the transaction nobody else sends to any of these, so the limits hold in parallel too.
pub(super) async fn hold(tx: &mut Tx, tenant: &TenantId, to: &To<'_>) -> Result<(), Refused> {
    let short = |key: &[u8]| hex(key).chars().take(32).collect::<String>();
    let buckets = [
        Some(format!("send:{}", to.account.id)),
        Some(format!("send:{}", short(&to.number_key))),
        Some(format!("send:prefix:{}", short(&to.prefix_key))),
        to.network.as_ref().map(|network| format!("send:net:{network}")),
        Some("send:all".to_owned()),
    ];
    for bucket in buckets.into_iter().flatten() {
        account::store::hold(tx, tenant, &bucket).await?;
    }
    Ok(())
}

/// Whether one more code may go now.
pub(super) async fn check(tx: &mut Tx, tenant: &Tenant, to: &To<'_>, now: Timestamp) -> Result<(), Refused> {
    let (id, policy) = (&tenant.id, &tenant.policy.sms);
    if !policy.countries.contains(&to.number.country()) {
        return Err(Refused::NoMoreCodes);
    }
    let since = |span: SignedDuration| now.saturating_sub(span).unwrap_or(now);
    let (to_account, to_number) = challenge::store::sent(tx, id, &to.account.id, &to.number_key, since(DAY)).await?;
    for sent in [&to_account, &to_number] {
        for (span, most) in [(HOUR, policy.sends_per_hour), (DAY, policy.sends_per_day)] {
            over(sent, span, most, now)?;
        }
    }
    let most = policy.sends_per_prefix_hour;
    let sent = challenge::store::sent_to_prefix(tx, id, &to.prefix_key, since(HOUR), most).await?;
    over(&sent, HOUR, most, now)?;
    if let Some(network) = &to.network {
        let most = policy.sends_per_network_hour;
        let sent = challenge::store::sent_for_network(tx, id, network, since(HOUR), most).await?;
        over(&sent, HOUR, most, now)?;
    }
    for (span, most) in [(HOUR, policy.budget_per_hour), (DAY, policy.budget_per_day)] {
        let sent = notify::store::sms_since(tx, id, since(span)).await?;
        if sent >= most {
            metrics::counter!("sms_budget_exhausted_total", "tenant" => id.to_string()).increment(1);
            tracing::error!(
                tenant = id.as_str(),
                sms.sent = sent,
                sms.budget = most,
                "no SMS: the budget is used up"
            );
            return Err(Refused::CodeLater(LATER));
        }
        if sent.saturating_mul(5) >= most.saturating_mul(4) {
            tracing::warn!(
                tenant = id.as_str(),
                sms.sent = sent,
                sms.budget = most,
                "the SMS budget is nearly used up"
            );
        }
    }
    Ok(())
}

/// Refuses if `most` messages went within `span`. `sent` has the newest first.
fn over(sent: &[Timestamp], span: SignedDuration, most: i64, now: Timestamp) -> Result<(), Refused> {
    let Some(oldest) = usize::try_from(most.max(1) - 1).ok().and_then(|at| sent.get(at)) else {
        return Ok(());
    };
    let wait = span - now.duration_since(*oldest);
    if wait.is_positive() {
        Err(Refused::CodeLater(wait))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Network;
    use crate::config::Country;
    use crate::consent::Role;
    use crate::login::world::{PASSWORD, World, world};
    use crate::secret::Secret;

    /// One login each for these people from one network; how many codes went.
    async fn codes(world: &World, people: &[String]) -> usize {
        for name in people {
            let browser = world.browser().await;
            let mut at = browser.at();
            at.origin.network = Some(Network::of("192.0.2.7".parse().unwrap()));
            let password = Secret::new(PASSWORD.to_owned());
            world.login.password(at, name.clone(), password).await.unwrap();
        }
        world.messages().await.len()
    }

    async fn people(world: &World, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for number in 0..count {
            let name = format!("p.{}", "x".repeat(number + 1));
            world.account(&name, &["p1"], Role::Client, false).await;
            names.push(name);
        }
        names
    }

    #[tokio::test]
    async fn a_network_a_row_of_numbers_and_an_organisation_have_their_limits() {
        let changes: [fn(&mut crate::config::Policy); 4] = [
            |policy| policy.sms.sends_per_network_hour = 3,
            |policy| policy.sms.sends_per_prefix_hour = 3,
            |policy| policy.sms.budget_per_hour = 3,
            |policy| policy.sms.budget_per_day = 3,
        ];
        for change in changes {
            let world = world(change).await;
            let people = people(&world, 5).await;
            assert_eq!(codes(&world, &people).await, 3);
            world.clock.advance(SignedDuration::from_hours(1));
            let more = codes(&world, &people[..1]).await - 3;
            let daily = world.tenant.policy.sms.budget_per_day == 3;
            assert_eq!(more, usize::from(!daily), "an hour later");
        }
    }

    #[tokio::test]
    async fn of_fifty_people_at_once_no_more_than_the_budget_get_a_code() {
        let world = world(|policy| policy.sms.budget_per_hour = 4).await;
        let people = people(&world, 10).await;
        let mut ready = Vec::new();
        for number in 0..50 {
            ready.push((world.browser().await.at(), people[number % people.len()].clone()));
        }
        let tasks: Vec<_> = ready
            .into_iter()
            .map(|(at, name)| {
                let login = world.login.clone();
                tokio::spawn(async move { login.password(at, name, Secret::new(PASSWORD.to_owned())).await })
            })
            .collect();
        for task in tasks {
            assert!(matches!(task.await.unwrap(), Ok(_) | Err(Refused::Busy)));
        }
        assert_eq!(world.messages().await.len(), 4);
    }

    #[tokio::test]
    async fn a_number_in_a_country_that_is_not_on_the_list_gets_nothing() {
        let world = world(|_| {}).await;
        let mut at = world.browser().await.at();
        let mut stricter = (*world.tenant).clone();
        stricter.policy.sms.countries = vec![Country::Belgium];
        at.tenant = std::sync::Arc::new(stricter);
        let password = Secret::new(PASSWORD.to_owned());
        assert!(world.login.password(at, "m.bakker".to_owned(), password).await.is_ok());
        assert!(world.messages().await.is_empty());
    }
}

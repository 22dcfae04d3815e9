use std::sync::Arc;

use jiff::SignedDuration;
use tokio::task::JoinSet;

use super::*;
use crate::audit::{Verdict, verify};
use crate::db::{Sql, params};
use crate::oauth::grant::{self, Why};
use crate::oauth::testing::*;
use crate::oauth::token::{self, Answer};

const OFFLINE: &str = "openid fhirUser launch/patient patient/*.read offline_access";

fn text(body: &Value, name: &str) -> String {
    body[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {body}"))
        .to_owned()
}

async fn refresh_token(world: &World) -> String {
    text(&world.tokens(OFFLINE).await, "refresh_token")
}

impl World {
    /// As many refresh tokens were never rotated, and so many were.
    async fn current_and_rotated(&self) -> [i64; 2] {
        const COUNT: Sql = Sql::both(
            "SELECT (SELECT count(*) FROM oauth_refresh WHERE rotated_at IS NULL), \
             (SELECT count(*) FROM oauth_refresh WHERE rotated_at IS NOT NULL)",
        );
        let mut read = self.issuer.db().read().await.unwrap();
        let row = read.row(COUNT, params![]).await.unwrap().unwrap();
        [row.int(0), row.int(1)]
    }

    async fn is_whole(&self, tenant: &Tenant) -> bool {
        let mut read = self.issuer.db().read().await.unwrap();
        matches!(verify(&mut read, &tenant.id).await.unwrap(), Verdict::Whole(_))
    }

    async fn run(&self, sql: Sql) {
        let mut tx = self.issuer.db().begin().await.unwrap();
        tx.execute(sql, params![]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn tries(&self, token: &str) -> Result<Answer, Error> {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
        token::answer(&self.issuer, &self.tenant, posted(None, &pairs)).await
    }
}

/// What was looked up is old by the time of the write, and decides nothing.
#[tokio::test]
async fn f04_what_is_written_together_is_decided_by_what_stands_then() {
    let mut world = World::new().await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(refresh_token(&world).await);
    }
    std::mem::swap(&mut world.tenant, &mut world.other);
    let code = world
        .code(&[("scope", OFFLINE), ("aud", "https://gateway.example/amaris/fhir")])
        .await;
    let other = text(&body(world.post(&exchange(&code)).await), "refresh_token");
    std::mem::swap(&mut world.tenant, &mut world.other);

    let (issuer, here, there) = (&world.issuer, &world.tenant, &world.other);
    let (mut batch, mut answers) = (Vec::new(), Vec::new());
    for (tenant, token) in [
        (here, &tokens[0]),
        (here, &tokens[0]),
        (here, &tokens[1]),
        (there, &other),
        (here, &tokens[2]),
    ] {
        let posted = posted(None, &[("refresh_token", token)]);
        let prepared = prepare(issuer, tenant, &posted, &Credentials::Public(None))
            .await
            .unwrap();
        let (renewal, answer) = prepared.expect("there is nothing special about it");
        let (done, _) = oneshot::channel();
        batch.push(Waiting { renewal, done });
        answers.push(text(&answer, "access_token"));
    }
    let now = world.clock.now();
    let mut tx = issuer.db().begin().await.unwrap();
    let taken_back = &batch[2].renewal.refresh.grant_id;
    assert!(
        grant::store::revoke(&mut tx, &here.id, taken_back, Why::Person, now)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let before = world.audit().await.len();
    let rotated = write(issuer.db(), &batch, now).await.unwrap();
    assert_eq!(rotated, [true, false, false, true, true]);
    assert_eq!(world.current_and_rotated().await, [4, 3]);
    assert_eq!(
        world.audit().await[before..],
        ["token-refreshed success -", "token-refreshed success -"]
    );
    for (at, accepted) in [(0, true), (2, false), (4, true)] {
        assert_eq!(world.accepted(&answers[at]).await, accepted, "{at}");
    }
    // Nothing is rotated twice.
    assert_eq!(write(issuer.db(), &batch, now).await.unwrap(), [false; 5]);
    assert_eq!(world.current_and_rotated().await, [4, 3]);
    assert!(world.is_whole(here).await && world.is_whole(there).await);
}

#[tokio::test]
async fn f01_twenty_that_come_at_once_get_an_answer_each() {
    let world = Arc::new(World::new().await);
    let mut asking = JoinSet::new();
    let mut tokens = Vec::new();
    for _ in 0..20 {
        tokens.push(refresh_token(&world).await);
    }
    let before = world.audit().await.len();
    for token in tokens {
        let world = Arc::clone(&world);
        asking.spawn(async move { body(world.refresh(&token).await) });
    }
    let mut seen = std::collections::HashSet::new();
    for answer in asking.join_all().await {
        assert!(world.accepted(&text(&answer, "access_token")).await);
        seen.extend(["access_token", "refresh_token", "id_token"].map(|name| text(&answer, name)));
    }
    assert_eq!(seen.len(), 60, "none got what is another's");
    assert_eq!(world.current_and_rotated().await, [20, 20]);
    let lines = world.audit().await;
    assert_eq!(lines[before..], vec!["token-refreshed success -"; 20]);
    assert!(world.is_whole(&world.tenant).await);
}

#[tokio::test]
async fn f04_without_its_audit_line_no_token_is_rotated_and_nothing_is_given_out() {
    const BREAK: Sql = Sql::both("ALTER TABLE audit_line RENAME TO audit_line_gone");
    const MEND: Sql = Sql::both("ALTER TABLE audit_line_gone RENAME TO audit_line");
    let world = World::new().await;
    let token = refresh_token(&world).await;
    world.run(BREAK).await;
    assert!(matches!(world.tries(&token).await, Err(Error::Database(_))));
    world.run(MEND).await;
    assert_eq!(world.current_and_rotated().await, [1, 0]);
    let answer = body(world.refresh(&token).await);
    assert!(world.accepted(&text(&answer, "access_token")).await);
}

#[tokio::test]
async fn f09_a_key_that_cannot_sign_uses_no_refresh_token_up() {
    const LOSE: Sql = Sql::both("DELETE FROM oauth_key");
    let world = World::new().await;
    let token = refresh_token(&world).await;
    world.run(LOSE).await;
    // The keys are remembered for a minute.
    world.clock.advance(SignedDuration::from_mins(2));
    assert!(matches!(world.tries(&token).await, Err(Error::Key(_))));
    assert_eq!(world.current_and_rotated().await, [1, 0]);
}

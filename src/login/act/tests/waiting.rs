//! A new number that waits for its code: no other number's code makes it the person's.

use super::*;

const A: &str = "06-11111111";
const B: &str = "06-22222222";

async fn number(world: &World) -> String {
    let mobile = account(world).await.mobile(&world.login.keys, &world.tenant.id);
    mobile.unwrap().expose().clone()
}

/// Somebody who entered the number A a moment ago, and the code that went there.
async fn waiting(world: &World) -> (At, String) {
    let (_, at) = home(world).await;
    world.clock.advance(SignedDuration::from_mins(1));
    world.login.new_number(at.clone(), A.to_owned()).await.unwrap();
    assert_eq!(world.messages().await.last().unwrap()["to"], "+31611111111");
    (at, world.newest_code().await)
}

#[tokio::test]
async fn a_code_to_one_number_never_makes_another_the_number() {
    let world = world(|_| {}).await;
    let (at, code) = waiting(&world).await;
    // B is entered too early for a code of its own.
    let early = world.login.new_number(at.clone(), B.to_owned()).await;
    assert!(matches!(early, Err(Refused::CodeLater(_))), "{early:?}");
    let hint = world.login.acting(&at).await.unwrap().unwrap().new_mobile;
    assert!(hint.unwrap().ends_with("11"), "the page still speaks of A");
    world.login.confirm_number(at, code).await.unwrap();
    assert_eq!(number(&world).await, "+31611111111");
}

#[tokio::test]
async fn after_a_code_of_its_own_the_second_number_is_the_only_one() {
    let world = world(|_| {}).await;
    let before = number(&world).await;
    let (at, first) = waiting(&world).await;
    world.clock.advance(SignedDuration::from_mins(1));
    world.login.new_number(at.clone(), B.to_owned()).await.unwrap();
    let second = world.newest_code().await;
    if first != second {
        let stale = world.login.confirm_number(at.clone(), first).await;
        assert!(matches!(stale, Err(Refused::WrongCode { .. })), "{stale:?}");
        assert_eq!(number(&world).await, before);
    }
    world.login.confirm_number(at, second).await.unwrap();
    assert_eq!(number(&world).await, "+31622222222");
}

#[tokio::test]
async fn numbers_that_are_entered_while_a_code_is_confirmed_never_ride_on_it() {
    let world = world(|_| {}).await;
    let (at, code) = waiting(&world).await;
    let others: Vec<_> = (0..20)
        .map(|_| {
            let (login, at) = (world.login.clone(), at.clone());
            tokio::spawn(async move { login.new_number(at, B.to_owned()).await })
        })
        .collect();
    let (login, confirmed_at) = (world.login.clone(), at.clone());
    let confirmed = tokio::spawn(async move { login.confirm_number(confirmed_at, code).await });
    for other in others {
        let other = other.await.unwrap();
        assert!(matches!(other, Err(Refused::CodeLater(_))), "{other:?}");
    }
    confirmed.await.unwrap().unwrap();
    assert_eq!(number(&world).await, "+31611111111");
}

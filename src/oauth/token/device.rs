//! A device asks for the tokens of a login in another browser (RFC 8628 §3.4).

use super::client::Credentials;
use super::exchange::tokens;
use super::{Flow, Issued};
use crate::audit::Outcome;
use crate::oauth::Error;
use crate::oauth::code::{Code, Refusal};
use crate::oauth::device::{self, EXPIRED, Turn, UNKNOWN};
use crate::oauth::grant::Why;

pub(super) async fn exchange(flow: &mut Flow<'_>, credentials: &Credentials) -> Result<Result<Issued, Refusal>, Error> {
    let app = match flow.app(credentials).await? {
        Ok(app) => app,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(code) = flow.form.get("device_code") else {
        return Ok(Err(Refusal::new(Code::InvalidRequest, "device_code is missing")));
    };
    let turn = device::turn(flow.tx, &flow.tenant.id, &app.client_id, code, flow.now).await?;
    match turn {
        Turn::Approved { grant_id } => tokens(flow, &app, &grant_id, UNKNOWN).await,
        Turn::Refused(refusal) => Ok(Err(refusal)),
        Turn::Late { grant_id } => {
            // Nobody can use it any more: it does not stand in the list of what the person gave either.
            flow.line.outcome = Outcome::Refused("device-code-expired");
            flow.end(&grant_id, Why::CodeExpired).await?;
            Ok(Err(EXPIRED))
        }
        Turn::Replayed { grant_id } => {
            flow.line.outcome = Outcome::Refused("device-code-replayed");
            flow.end(&grant_id, Why::CodeReplayed).await?;
            Ok(Err(UNKNOWN))
        }
    }
}

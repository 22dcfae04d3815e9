//! The error codes of OAuth 2.0, OpenID Connect and RFC 8707, each with what went wrong in plain words.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// An error code as an app sees it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }
    };
}

codes! {
    InvalidRequest = "invalid_request";
    InvalidClient = "invalid_client";
    InvalidGrant = "invalid_grant";
    InvalidScope = "invalid_scope";
    InvalidTarget = "invalid_target";
    /// RFC 9449 §5
    InvalidDpopProof = "invalid_dpop_proof";
    UnauthorizedClient = "unauthorized_client";
    UnsupportedGrantType = "unsupported_grant_type";
    UnsupportedResponseType = "unsupported_response_type";
    /// RFC 8628 §3.5
    AuthorizationPending = "authorization_pending";
    SlowDown = "slow_down";
    ExpiredToken = "expired_token";
    /// The person said no.
    AccessDenied = "access_denied";
    LoginRequired = "login_required";
    ConsentRequired = "consent_required";
    InteractionRequired = "interaction_required";
    AccountSelectionRequired = "account_selection_required";
    UnmetAuthenticationRequirements = "unmet_authentication_requirements";
    RequestNotSupported = "request_not_supported";
    RequestUriNotSupported = "request_uri_not_supported";
    ServerError = "server_error";
    TemporarilyUnavailable = "temporarily_unavailable";
}

/// A refusal: the code, and a sentence for the maker of the app. The sentence is fixed text and never repeats input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub text: &'static str,
}

impl Refusal {
    pub const fn new(code: Code, text: &'static str) -> Self {
        Self { code, text }
    }
}

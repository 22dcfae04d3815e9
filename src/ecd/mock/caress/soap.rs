//! The SOAP service of mock Caress: sessions, staff, disciplines and users.
//!
//! # Design
//! Employees stand in place and disciplines are referred to (`href`), so that a reader must know both forms of rpc/encoded.
//! Of users it tells more than anybody needs, as the product does.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use axum::body::Bytes;
use axum::extract::State as FromState;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use super::records;
use super::serve::{State, USER, VIOLATION};
use crate::ecd::caress::columns::EMPLOYEES;
use crate::ecd::caress::web::elements;
use crate::ecd::mock::Population;

/// Takes bytes, not text: what is no text is bad input too, which the product answers with HTTP 500.
pub(super) async fn soap(FromState(state): FromState<State>, body: Bytes) -> Response {
    let (Ok(found), Ok(body)) = (elements(&body), std::str::from_utf8(&body)) else {
        return fault(VIOLATION);
    };
    let text = |name: &str| {
        found
            .iter()
            .find_map(|leaves| leaves.get(name))
            .cloned()
            .unwrap_or_default()
    };
    let operation = [
        "CreateSession",
        "GetEmployees",
        "GetDisciplines",
        "GetUsers",
        "DestroySession",
    ]
    .into_iter()
    .find(|operation| body.contains(&format!("<m:{operation} ")));
    let mut sessions = state.served.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    let is_open = sessions.contains(&text("sSessionId"));
    match operation {
        Some("CreateSession") if text("sPassword") == *state.password && text("sUserName") == USER => {
            let session = state.options.random.token();
            sessions.insert(session.clone());
            xml(&format!(
                "<NS1:CreateSessionResponse xmlns:NS1=\"urn:x\"><return xsi:type=\"xsd:string\">{session}</return></NS1:CreateSessionResponse>"
            ))
        }
        Some("DestroySession") if is_open => {
            sessions.remove(&text("sSessionId"));
            xml("<NS1:DestroySessionResponse xmlns:NS1=\"urn:x\"/>")
        }
        Some(operation) if is_open => {
            drop(sessions);
            staff_list(&state.options.population, operation)
        }
        _ => fault("Sessie is verlopen"),
    }
}

/// A fault comes with HTTP 500 (SOAP 1.1 §6.2).
fn fault(text: &str) -> Response {
    let inside = format!(
        "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode><faultstring>{}</faultstring></SOAP-ENV:Fault>",
        quick_xml::escape::escape(text)
    );
    let media = [(CONTENT_TYPE, "text/xml; charset=utf-8")];
    (StatusCode::INTERNAL_SERVER_ERROR, media, envelope(&inside)).into_response()
}

/// The lists of the service; employees in place, disciplines referred to.
fn staff_list(population: &Population, operation: &str) -> Response {
    let staff = records::of(&EMPLOYEES, population, None);
    let disciplines: Vec<&String> = staff
        .iter()
        .map(|row| &row[3])
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let place = |name: &String| disciplines.iter().position(|it| *it == name).unwrap_or(0) + 1;
    let mut items = String::new();
    let mut beside = String::new();
    match operation {
        "GetEmployees" => {
            for row in &staff {
                items += &format!(
                    "<item xsi:type=\"NS2:TremEmployee\"><SysId xsi:type=\"xsd:int\">{}</SysId><Id>{}</Id><Name>{}</Name>\
                     <Address>Straat 1</Address><Postalcode>1000 AA</Postalcode><City>Ede</City></item>",
                    row[0],
                    row[1],
                    quick_xml::escape::escape(&row[2])
                );
            }
        }
        "GetDisciplines" => {
            for (name, number) in disciplines.iter().zip(1..) {
                items += &format!("<item href=\"#{number}\"/>");
                beside += &format!(
                    "<NS2:TremDiscipline id=\"{number}\"><SysId>{number}</SysId><Name>{}</Name></NS2:TremDiscipline>",
                    quick_xml::escape::escape(name.as_str())
                );
            }
        }
        _ => {
            for row in &staff {
                items += &format!(
                    "<item><SysId>9{}</SysId><Username>gebruiker{}</Username><Status>A</Status><EmployeeSysId>{}</EmployeeSysId>\
                     <DisciplineSysId>{}</DisciplineSysId><UPN>geheim@example.org</UPN></item>",
                    row[0],
                    row[0],
                    row[0],
                    place(&row[3])
                );
            }
        }
    }
    xml(&format!(
        "<NS1:{operation}Response xmlns:NS1=\"urn:x\" xmlns:NS2=\"urn:y\"><return>{items}</return></NS1:{operation}Response>{beside}"
    ))
}

fn xml(inside: &str) -> Response {
    ([(CONTENT_TYPE, "text/xml; charset=utf-8")], envelope(inside)).into_response()
}

fn envelope(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:NS2=\"urn:y\"><SOAP-ENV:Body>{inside}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
}

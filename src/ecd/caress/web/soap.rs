//! Staff and their disciplines over the product's SOAP service: the operations of its public WSDL (`IinvUserManagementservice`).
//!
//! # Design
//! `CreateSession`, then `GetEmployees`, `GetDisciplines` and `GetUsers` (which joins the two), then `DestroySession`, also when
//! something failed between. Every call after the first carries the session in the header `AuthHeader`. Of users only the two
//! keys are read: their names, mail addresses and groups stay in the answer. The password is sent as it is configured: the
//! product wants it encrypted with a key of its supplier, who hands out the result.
//!
//! The XML is read as untrusted bytes: no document type (so no entities of its own), bounded depth, number of elements and
//! length of a text. An element counts by its local name; whether members stand in place or are referred to (`href="#1"`),
//! as rpc/encoded allows, makes no difference.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;

use super::http::{Ask, Http};
use super::lists::Member;
use crate::ecd::Error;
use crate::secret::Secret;

const PATH: &str = "/soap/InvokableUserManagement/IinvUserManagement";
const NAMESPACE: &str = "urn:InvUserManagementIntf-IinvUserManagement";

const DEPTH: usize = 32;
const ELEMENTS: usize = 2_000_000;
const TEXT: usize = 10_000;

/// An element with its leaves: name to text.
type Leaves = HashMap<String, String>;

/// The employees with their disciplines, in the columns of the drop.
pub(super) async fn staff(http: &Http, user: &str, password: &Secret<String>) -> Result<Vec<Member>, Error> {
    let begin = [("sUserName", user), ("sPassword", password.expose())];
    let answer = call(http, "CreateSession", None, &begin).await?;
    let session = answer
        .iter()
        .find_map(|leaves| leaves.get("return").filter(|session| !session.is_empty()))
        .ok_or(shape("CreateSession gave no session"))?;
    let session = Secret::new(session.clone());
    let read = async {
        let employees = call(http, "GetEmployees", Some((&session, user)), &[]).await?;
        let disciplines = call(http, "GetDisciplines", Some((&session, user)), &[]).await?;
        let users = call(http, "GetUsers", Some((&session, user)), &[]).await?;
        join(&employees, &disciplines, &users)
    };
    let read = read.await;
    // The list is read; a session that could not be closed runs out by itself.
    let _ = call(http, "DestroySession", Some((&session, user)), &[]).await;
    read
}

fn join(employees: &[Leaves], disciplines: &[Leaves], users: &[Leaves]) -> Result<Vec<Member>, Error> {
    let names: HashMap<&str, &str> = disciplines
        .iter()
        .filter_map(|it| Some((it.get("SysId")?.as_str(), it.get("Name")?.as_str())))
        .collect();
    let of_employee: HashMap<&str, &str> = users
        .iter()
        .filter_map(|it| Some((it.get("EmployeeSysId")?.as_str(), it.get("DisciplineSysId")?.as_str())))
        .collect();
    let mut members: Vec<Member> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for it in employees.iter().filter(|it| it.contains_key("SysId")) {
        let text = |name: &str| it.get(name).cloned().unwrap_or_default();
        let key = text("SysId");
        if !seen.insert(key.clone()) {
            continue;
        }
        let discipline = of_employee
            .get(key.as_str())
            .and_then(|discipline| names.get(discipline));
        let discipline = discipline.copied().unwrap_or_default().to_owned();
        // SysId, Id, Name, Discipline, Status, Mutatie. ASSUMPTION: who is in the list works there.
        let fields = vec![key, text("Id"), text("Name"), discipline, "A".to_owned(), String::new()];
        members.push(Member {
            fields,
            lines: Vec::new(),
        });
    }
    // A service without a single employee answers badly: everybody's name would vanish.
    if members.is_empty() {
        Err(shape("GetEmployees has no employee"))
    } else {
        Ok(members)
    }
}

async fn call(
    http: &Http,
    operation: &'static str,
    session: Option<(&Secret<String>, &str)>,
    arguments: &[(&str, &str)],
) -> Result<Vec<Leaves>, Error> {
    let body = envelope(
        operation,
        session.map(|(session, user)| (session.expose().as_str(), user)),
        arguments,
    );
    let ask = Ask::Post {
        action: "",
        body,
        again: operation.starts_with("Get"),
    };
    let answer = http.ask(PATH, &ask).await?;
    elements(&answer).map_err(shape)
}

pub(in crate::ecd) fn envelope(operation: &str, session: Option<(&str, &str)>, arguments: &[(&str, &str)]) -> String {
    let header = session.map_or(String::new(), |(session, user)| {
        format!(
            "<soap:Header><n:AuthHeader xmlns:n=\"{NAMESPACE}\"><sSessionId xsi:type=\"xsd:string\">{}</sSessionId>\
             <sJWT xsi:type=\"xsd:string\"></sJWT><sUserName xsi:type=\"xsd:string\">{}</sUserName>\
             <sCheckDatabaseId xsi:type=\"xsd:string\"></sCheckDatabaseId></n:AuthHeader></soap:Header>",
            escape(session),
            escape(user)
        )
    });
    let arguments: String = arguments
        .iter()
        .map(|(name, value)| format!("<{name} xsi:type=\"xsd:string\">{}</{name}>", escape(*value)))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">{header}\
         <soap:Body soap:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">\
         <m:{operation} xmlns:m=\"{NAMESPACE}\">{arguments}</m:{operation}></soap:Body></soap:Envelope>"
    )
}

fn shape(problem: &'static str) -> Error {
    Error::Shape { path: PATH, problem }
}

/// Every element that holds leaves, with them.
///
/// # Errors
/// If it is not XML that is whole, has a document type, is larger than an answer can be, or is a SOAP fault.
pub(in crate::ecd) fn elements(xml: &[u8]) -> Result<Vec<Leaves>, &'static str> {
    let xml = std::str::from_utf8(xml).map_err(|_| "the answer is not UTF-8")?;
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    // Name, text, leaves and whether it has children.
    let mut open: Vec<(String, String, Leaves, bool)> = Vec::new();
    let mut count = 0_usize;
    let mut is_envelope = false;
    loop {
        match reader.read_event().map_err(|_| "the answer is not XML that is whole")? {
            Event::DocType(_) => return Err("the answer has a document type: refused"),
            Event::Start(start) => {
                count += 1;
                if open.len() >= DEPTH || count > ELEMENTS {
                    return Err("the answer is deeper or larger than a list can be");
                }
                let name = start.local_name().into_inner().to_owned();
                is_envelope |= open.is_empty() && name == "Envelope";
                if name == "Fault" {
                    return Err("the service answers with a fault");
                }
                if let Some(parent) = open.last_mut() {
                    parent.3 = true;
                }
                open.push((name, String::new(), Leaves::new(), false));
            }
            Event::Empty(empty) => {
                let name = empty.local_name().into_inner().to_owned();
                if let Some(parent) = open.last_mut() {
                    parent.3 = true;
                    parent.2.entry(name).or_default();
                }
            }
            Event::End(_) => {
                let (name, text, leaves, has_children) = open.pop().ok_or("the answer is not XML that is whole")?;
                if !has_children && let Some(parent) = open.last_mut() {
                    parent.2.insert(name, text.trim().to_owned());
                }
                if !leaves.is_empty() {
                    found.push(leaves);
                }
            }
            Event::Text(text) => add(&mut open, &text.xml10_content())?,
            Event::CData(text) => add(&mut open, &text.xml10_content())?,
            Event::GeneralRef(entity) => {
                let letter = entity
                    .resolve_char_ref()
                    .map_err(|_| "an entity is not known: refused")?;
                match (letter, resolve_predefined_entity(&entity)) {
                    (Some(letter), _) => add(&mut open, letter.encode_utf8(&mut [0; 4]))?,
                    (None, Some(text)) => add(&mut open, text)?,
                    (None, None) => return Err("an entity is not known: refused"),
                }
            }
            Event::Eof if open.is_empty() && is_envelope => return Ok(found),
            Event::Eof => return Err("the answer is not a SOAP envelope that is whole"),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn add(open: &mut [(String, String, Leaves, bool)], text: &str) -> Result<(), &'static str> {
    if let Some(element) = open.last_mut() {
        if element.1.len() + text.len() > TEXT {
            return Err("a text is longer than a name can be");
        }
        element.1.push_str(text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(inside: &str) -> String {
        format!("<s:Envelope xmlns:s=\"x\"><s:Body>{inside}</s:Body></s:Envelope>")
    }

    #[test]
    fn members_in_place_and_members_that_are_referred_to_read_alike() {
        let in_place =
            wrapped("<r><return><item><SysId>5</SysId><Name>J. &amp; M.&#x20;Bos</Name></item></return></r>");
        let referred = wrapped(
            "<r><return><item href=\"#1\"/></return></r><T id=\"1\"><SysId>5</SysId><Name>J. &amp; M. Bos</Name></T>",
        );
        for xml in [in_place, referred] {
            let found = elements(xml.as_bytes()).unwrap();
            let one = found.iter().find(|it| it.contains_key("SysId")).unwrap();
            assert_eq!((one["SysId"].as_str(), one["Name"].as_str()), ("5", "J. & M. Bos"));
        }
    }

    /// I8: document types, entities, depth and length without an end.
    #[test]
    fn hostile_xml_is_refused() {
        let deep = wrapped(&("<a>".repeat(100) + &"</a>".repeat(100)));
        let long = wrapped(&format!("<a><Name>{}</Name></a>", "x".repeat(TEXT + 1)));
        for (xml, why) in [
            ("<!DOCTYPE x [<!ENTITY a \"b\">]><Envelope/>", "document type"),
            (wrapped("<a>&lol;</a>").as_str(), "entity"),
            (deep.as_str(), "deeper"),
            (long.as_str(), "longer"),
            (
                wrapped("<s:Fault><faultstring>x</faultstring></s:Fault>").as_str(),
                "fault",
            ),
            ("<Envelope><Body>", "whole"),
            ("<html></html>", "envelope"),
            ("", "envelope"),
            ("<Envelope><a></b></Envelope>", "whole"),
        ] {
            let error = elements(xml.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    #[test]
    fn disciplines_are_joined_by_the_users_and_nothing_else_of_them_is_kept() {
        let one = |pairs: &[(&str, &str)]| -> Leaves {
            pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect()
        };
        let employees = [one(&[
            ("SysId", "501"),
            ("Id", "70012"),
            ("Name", "S. (Samira) El Amrani"),
            ("City", "Ede"),
        ])];
        let disciplines = [one(&[("SysId", "7"), ("Name", "Verzorgende IG")])];
        let users = [one(&[
            ("EmployeeSysId", "501"),
            ("DisciplineSysId", "7"),
            ("Username", "samira"),
            ("UPN", "s@x"),
        ])];
        let members = join(&employees, &disciplines, &users).unwrap();
        assert_eq!(
            members[0].fields,
            ["501", "70012", "S. (Samira) El Amrani", "Verzorgende IG", "A", ""]
        );
        assert!(join(&[], &disciplines, &users).is_err());
    }

    #[test]
    fn what_goes_into_an_envelope_is_escaped() {
        let sent = envelope("CreateSession", Some(("a<b", "c")), &[("sPassword", "</sPassword>&")]);
        assert!(sent.contains("a&lt;b") && sent.contains("&lt;/sPassword&gt;&amp;"));
        assert!(elements(sent.as_bytes()).is_ok());
    }
}

//! One test a verb.

use super::*;

#[test]
fn const_is_written_as_it_stands() {
    let set = r#""status" = { const = "final" }
        "code" = { const = { coding = [{ system = "urn:a", code = "b", display = "B" }] } }
        "valueInteger" = { const = 3 }"#;
    let wanted = json!({"status": "final", "code": {"coding": [{"system": "urn:a", "code": "b", "display": "B"}]}, "valueInteger": 3});
    assert_eq!(made(set, json!({})).to_string(), wanted.to_string());
}

#[test]
fn copy_writes_what_the_element_holds() {
    let text = "\"valueString\" = { copy = \"a\" }";
    assert_eq!(made(text, json!({"a": " b\u{0} "})), json!({"valueString": "b"}));
    assert_eq!(made(text, json!({"a": 61.40})).to_string(), r#"{"valueString":"61.4"}"#);
    assert_eq!(made(text, json!({"a": null})), json!({}));
    assert_eq!(refused(text, json!({"a": ["b"]})).0, "/a");
    let number = "\"valueInteger\" = { copy = \"a\" }";
    assert_eq!(made(number, json!({"a": "4"})), json!({"valueInteger": 4}));
    for bad in [json!("4.5"), json!(4.5), json!("vier"), json!(5_000_000_000_i64)] {
        assert_eq!(refused(number, json!({"a": bad})).0, "/a");
    }
}

#[test]
fn copy_can_write_the_id_of_a_resource() {
    let set = "\"valueString\" = { copy = { id = [\"x\", \"y\", \"id\"] } }";
    let id = resource_id(&MacKey::new(b"k"), &["x", "y", "1"]);
    assert_eq!(made(set, json!({})), json!({"valueString": id.as_str()}));
}

#[test]
fn code_and_concept_go_through_a_table() {
    let set = r#""status" = { code = "c", table = "colour" }
        "code" = { concept = "c", table = "colour", text = "t" }"#;
    let wanted = json!({"status": "red", "code": {"coding": [{"system": "urn:colour", "code": "red", "display": "Red"}], "text": "vuurrood"}});
    assert_eq!(made(set, json!({"c": "rood", "t": "vuurrood"})), wanted);
    assert_eq!(made(set, json!({"c": 1}))["status"], "one");
    assert_eq!(made(set, json!({})), json!({}));
    let (pointer, reason) = refused(set, json!({"c": "geheim"}));
    assert_eq!(pointer, "/c");
    assert!(!reason.contains("geheim"), "a reason shows no value: {reason}");
}

#[test]
fn what_is_in_a_list_already_is_not_put_there_again_where_the_line_says_so() {
    let part = |field: &str| {
        format!("{{ each = \"{field}\", distinct = true, value = {{ reference = \"none\", display = \"n\" }} }}")
    };
    let set = format!("\"performer[0]\" = {}\n\"performer[1]\" = {}", part("a"), part("b"));
    let record = json!({"a": [{"n": "x"}, {"n": "y"}, {"n": "x"}], "b": [{"n": "y"}, {"n": "z"}]});
    let wanted = json!({"performer": [{"display": "x"}, {"display": "y"}, {"display": "z"}]});
    assert_eq!(made(&set, record.clone()), wanted);
    let every = made(&set.replace("distinct = true, ", ""), record);
    assert_eq!(every["performer"].as_array().unwrap().len(), 5);
}

#[test]
fn an_unknown_code_is_left_out_where_the_line_says_so() {
    let set = r#""code" = { first = [{ concept = "c", table = "colour", unknown = "omit" }, { concept = "c" }] }"#;
    assert_eq!(made(set, json!({"c": "paars"})), json!({"code": {"text": "paars"}}));
}

#[test]
fn instant_date_and_period_read_dates_and_times() {
    let set = r#""issued" = { instant = "i" }
        "effectiveDateTime" = { date = "d" }
        "effectivePeriod" = { period = ["s", "e"] }"#;
    let record = json!({"i": "2026-10-25T02:30:00+01:00", "d": "2026-06-01T00:00:00.000+02:00", "s": "2026-06-01", "e": "2026-06-02T08:00:00Z"});
    let wanted = json!({"issued": "2026-10-25T02:30:00+01:00", "effectiveDateTime": "2026-06-01",
        "effectivePeriod": {"start": "2026-06-01", "end": "2026-06-02T10:00:00+02:00"}});
    assert_eq!(made(set, record), wanted);
    assert_eq!(refused(set, json!({"i": "2026-06-01"})).0, "/i");
    assert_eq!(refused(set, json!({"s": 5})).0, "/s");
    assert!(refused(set, json!({"i": "2026-03-29T02:30:00"})).1.contains("skipped"));
}

#[test]
fn a_period_can_be_of_days() {
    let set = r#""effectivePeriod" = { period = ["s", "e"], as = "date" }"#;
    assert_eq!(
        made(set, json!({"s": "2026-06-01T00:00:00+02:00", "e": null})),
        json!({"effectivePeriod": {"start": "2026-06-01"}})
    );
}

#[test]
fn reference_hashes_the_key_and_shows_a_display() {
    let set = r#""subject" = { reference = "Patient", key = ["x", "client", "client"], display = { const = "Cliënt" } }
        "performer[0]" = { first = [{ reference = "Practitioner", key = ["x", "staff", "s"], display = "n" }, { reference = "none", display = "m" }] }"#;
    let id = resource_id(&MacKey::new(b"k"), &["x", "client", "2"]);
    let subject = json!({"reference": format!("Patient/{id}"), "type": "Patient", "display": "Cliënt"});
    assert_eq!(made(set, json!({"n": "Jo"})), json!({"subject": subject}));
    assert_eq!(made(set, json!({"m": "Bo"}))["performer"], json!([{"display": "Bo"}]));
    assert_eq!(made(set, json!({"s": 7}))["performer"][0]["type"], "Practitioner");
}

#[test]
fn text_joins_the_parts_that_are_there() {
    let set = r#""valueString" = { text = ["first", { text = [["pre", "last"], "own"], join = "-" }] }"#;
    assert_eq!(
        made(set, json!({"first": "An", "pre": "van", "last": "Dam", "own": "Bos"}))["valueString"],
        "An van Dam-Bos"
    );
    assert_eq!(
        made(set, json!({"first": "An", "last": "Dam"}))["valueString"],
        "An Dam"
    );
    assert_eq!(made(set, json!({"own": "Bos"}))["valueString"], "Bos");
    let percent = r#""valueString" = { text = ["p", { const = "%" }], join = "" }"#;
    assert_eq!(made(percent, json!({"p": 70}))["valueString"], "70%");
    assert_eq!(made(percent, json!({})), json!({}));
}

#[test]
fn text_keeps_line_ends_and_base64_holds_the_same() {
    let set = "\"valueString\" = { text = \"a\" }\n\"note[0].text\" = { text = \"a\" }";
    let out = made(set, json!({"a": "één\r\ntwee\u{1}"}));
    assert_eq!(out["valueString"], "één\r\ntwee");
    let long = "x".repeat((1 << 20) + 1);
    assert!(refused(set, json!({"a": long})).1.contains("1 MB"));
}

#[test]
fn a_narrative_is_generated_and_escaped() {
    let out = made("\"text\" = { text = \"a\" }", json!({"a": "<b>&\nx"}));
    assert_eq!(out["text"]["status"], "generated");
    assert_eq!(
        out["text"]["div"],
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">&lt;b&gt;&amp;<br/>x</div>"
    );
}

#[test]
fn quantity_keeps_the_digits_and_checks_the_unit() {
    let set = r#""valueQuantity" = { quantity = "v", unit = "kg", code = "kg", source_unit = "u", table = "colour" }"#;
    assert_eq!(
        made(set, json!({"v": "61.40", "u": "kg"})).to_string(),
        r#"{"valueQuantity":{"value":61.40,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}"#
    );
    assert!(refused(set, json!({"v": "61400", "u": "g"})).1.contains("another unit"));
    assert_eq!(refused(set, json!({"v": "61400", "u": "stone"})).0, "/u");
    for bad in ["61,4", "+1", "1e3", "0x1", "061", ".5", "NaN"] {
        assert_eq!(refused(set, json!({"v": bad})).0, "/v", "{bad}");
    }
    assert_eq!(made(set, json!({"u": "kg"})), json!({}));
}

#[test]
fn bool_takes_only_true_and_false() {
    let set = "\"valueBoolean\" = { bool = \"b\" }";
    assert_eq!(made(set, json!({"b": false})), json!({"valueBoolean": false}));
    assert_eq!(made(set, json!({"b": "true"})), json!({"valueBoolean": true}));
    assert_eq!(refused(set, json!({"b": "T"})).0, "/b");
}

#[test]
fn first_takes_the_first_that_has_a_value() {
    let set = r#""valueString" = { first = [{ text = "a", when = { field = "k", is = [1, 2] } }, { text = "b" }, { const = "c" }] }"#;
    assert_eq!(made(set, json!({"k": 2, "a": "A", "b": "B"}))["valueString"], "A");
    assert_eq!(made(set, json!({"k": 3, "a": "A", "b": "B"}))["valueString"], "B");
    assert_eq!(made(set, json!({}))["valueString"], "c");
}

#[test]
fn each_makes_one_element_a_member_and_skips_the_empty() {
    let set = r#""note[0].text" = { const = "vooraf" }
        "note[1]" = { each = "list", set = { "text" = { text = "t" }, "time" = { instant = "/at" } }, when = { field = "off", not = true } }
        "performer" = { each = "names", value = { reference = "none", display = "." } }"#;
    let record = json!({"at": "2026-06-01T00:00:00Z", "list": [{"t": "een"}, {}, {"t": "drie", "off": true}, null], "names": ["An", "", "Bo"]});
    let one = json!({"text": "een", "time": "2026-06-01T02:00:00+02:00"});
    assert_eq!(
        made(set, record),
        json!({"note": [{"text": "vooraf"}, one], "performer": [{"display": "An"}, {"display": "Bo"}]})
    );
    // A time but no text, which an Annotation cannot do without.
    let record = json!({"at": "2026-06-01T00:00:00Z", "list": [{"t": "een"}, {"u": 1}]});
    assert_eq!(refused(set, record).0, "/list/1/t");
}

#[test]
fn constants_accompany_a_value_and_never_stand_alone() {
    let set = r#""component[0].code.text" = { const = "Pols" }
        "component[0].valueString" = { text = "v[name=pols].x" }
        "component[1].code.text" = { const = "Vast" }"#;
    assert_eq!(
        made(set, json!({"v": [{"name": "ander", "x": "1"}]})),
        json!({"component": [{"code": {"text": "Vast"}}]})
    );
    assert_eq!(
        made(set, json!({"v": [{"name": "pols", "x": "1"}]}))["component"][0]["valueString"],
        "1"
    );
}

#[test]
fn a_named_list_gives_the_same_members_everywhere() {
    let map = format!(
        "{HEAD}[resource.set]\n\"note\" = {{ each = \"open\", set = {{ \"text\" = {{ text = \"t\" }} }} }}\n\
         [[resource]]\nname = \"part\"\ntype = \"Observation\"\nprofile = \"inzage-Test\"\neach = \"inner\"\n\
         id = [\"x\", \"part\", \"/id\", \"../k\", \"#\"]\n[resource.set]\n\"valueString\" = {{ text = [\"../t\", \"v\"] }}\n\
         [list.open]\nfrom = \"list\"\n[[list.open.drop]]\nrule = \"shut\"\nreason = \"shut\"\nwhen = {{ field = \"shut\", not = false }}\n\
         [list.inner]\nin = \"open\"\nfrom = \"deep\"\n"
    );
    let record = json!({"id": 1, "client": 2, "list": [
        {"k": "a", "t": "dicht", "shut": true, "deep": [{"v": "nooit"}]},
        {"k": "b", "t": "open", "shut": false, "deep": [{"v": "x"}, {"v": "y"}]},
        {"k": "c", "t": "onbekend", "deep": [{"v": "nooit"}]}]});
    let Outcome::Mapped(resources) = run(&small_plan(&files(&map)), &record) else {
        panic!("not mapped")
    };
    let texts: Vec<String> = resources.iter().map(|one| one.resource.to_string()).collect();
    assert_eq!(resources.len(), 3);
    assert_eq!(resources[0].resource["note"], json!([{"text": "open"}]));
    assert!(texts[1].contains("\"open x\"") && texts[2].contains("\"open y\""));
    assert!(!texts.iter().any(|text| text.contains("nooit")));
    assert_eq!(
        resources[2].id,
        resource_id(&MacKey::new(b"k"), &["x", "part", "1", "b", "2"])
    );
}

#[test]
fn two_resources_with_one_key_are_refused() {
    let map = format!(
        "{HEAD}each = \"list\"\n[resource.set]\n\"valueString\" = {{ text = \"t\" }}\n[list.list]\nfrom = \"list\"\n"
    );
    let record = json!({"client": 2, "list": [{"id": 1, "t": "a"}, {"id": 1, "t": "b"}]});
    let outcome = run(&small_plan(&files(&map)), &record);
    assert!(matches!(outcome, Outcome::Refused { reason, .. } if reason.contains("same key")));
}

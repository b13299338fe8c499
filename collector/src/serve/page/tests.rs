use super::*;

#[test]
fn a_selection_is_linked_to_as_it_was_read() {
    let link = |selection: Selection| Link(&selection).to_string();
    assert_eq!(link(Selection::default()), "/");
    let all = Selection {
        search: "a&b".to_owned(),
        state: Some(State::Down),
        source: None,
        sort: Sort::Loss,
        is_reversed: true,
        from: 100,
    };
    assert_eq!(
        link(all),
        "/?q=a%26b&amp;state=down&amp;sort=loss&amp;order=desc&amp;from=100"
    );
}

#[test]
fn a_nonce_is_used_once() {
    assert_ne!(nonce(), nonce());
    assert_eq!(nonce().len(), 32);
}

#[test]
fn jitter_is_told_in_the_unit_that_matters() {
    let told = [0, 999, 1_000, 9_999, 12_345, 2_500_000].map(|us| Micros(us).to_string());
    assert_eq!(told, ["0µs", "999µs", "1.0ms", "9.9ms", "12ms", "2.5s"]);
}

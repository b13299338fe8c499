use super::*;

#[test]
fn a_selection_is_linked_to_as_it_was_read() {
    let link = |selection: Selection| Link(&selection).to_string();
    assert_eq!(link(Selection::default()), "./");
    let all = Selection {
        search: "a&b".to_owned(),
        group: Some("back yard".to_owned()),
        state: Some(State::Down),
        source: None,
        sort: Sort::Loss,
        is_reversed: true,
        from: 100,
    };
    assert_eq!(
        link(all),
        "?q=a%26b&amp;group=back%20yard&amp;state=down&amp;sort=loss&amp;order=asc&amp;from=100"
    );
}

#[test]
fn a_column_says_which_way_it_is_sorted() {
    let head = |sort, is_reversed| {
        let selection = Selection {
            sort,
            is_reversed,
            ..Selection::default()
        };
        let mut out = String::new();
        put_head(&selection, &COLUMNS, &mut out).unwrap();
        let (_, rest) = out.split_once("aria-sort=\"").unwrap();
        let (direction, rest) = rest.split_once("\"><a href=\"").unwrap();
        let (link, _) = rest.split_once('"').unwrap();
        (direction.to_owned(), link.to_owned())
    };
    let told = |direction: &str, link: &str| (direction.to_owned(), link.to_owned());
    assert_eq!(
        head(Sort::Interval, false),
        told("ascending", "?sort=interval&amp;order=desc")
    );
    assert_eq!(head(Sort::Interval, true), told("descending", "?sort=interval"));
    for sort in [Sort::Loss, Sort::Reordered, Sort::Jitter, Sort::Restarts] {
        let name = sort.name();
        assert_eq!(
            head(sort, false),
            told("descending", &format!("?sort={name}&amp;order=asc"))
        );
        assert_eq!(head(sort, true), told("ascending", &format!("?sort={name}")));
    }
}

#[test]
fn the_title_tells_the_worst_that_is_not_silenced() {
    let census = |down: (u64, u64), late, critical| {
        let place = |state| State::ALL.iter().position(|&other| other == state).unwrap();
        let mut found = Census {
            critical,
            ..Census::default()
        };
        found.sources[place(State::Down)] = down.0;
        found.silenced[place(State::Down)] = down.1;
        found.sources[place(State::Late)] = late;
        found
    };
    let title = |found| alarm(&found).0;
    assert_eq!(title(census((7, 1), 2, 3)), "(6 down) Beacon");
    assert_eq!(title(census((1, 1), 2, 3)), "(2 late) Beacon");
    assert_eq!(title(census((1, 1), 0, 3)), "(3 critical) Beacon");
    assert_eq!(title(census((1, 1), 0, 0)), "Beacon");
}

#[test]
fn groups_have_a_column_where_there_are_any_or_it_is_asked_for() {
    let has_column = |has_groups, sort| {
        let selection = Selection {
            sort,
            ..Selection::default()
        };
        let columns: Vec<_> = columns(has_groups, &selection).collect();
        let mut told = ["", ""].map(str::to_owned);
        put_head(&selection, &columns, &mut told[0]).unwrap();
        put_search(&selection, &columns, &mut told[1]).unwrap();
        let [in_head, in_search] =
            ["?sort=group", "value=\"group\""].map(|part| told.join(" ").contains(part));
        (in_head, in_search, columns.len() == COLUMNS.len())
    };
    assert_eq!(has_column(false, Sort::Worst), (false, false, false));
    assert_eq!(has_column(true, Sort::Worst), (true, true, true));
    assert_eq!(has_column(false, Sort::Group), (true, true, true));
}

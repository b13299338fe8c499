use super::*;

#[test]
fn each_mark_has_a_name_of_its_own() {
    let names: std::collections::HashSet<_> = Mark::ALL.map(Mark::name).into_iter().collect();
    assert_eq!(names.len(), Mark::ALL.len());
}

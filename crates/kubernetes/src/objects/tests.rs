//! What is read of objects.

use super::*;

#[test]
fn a_pod_is_read_and_what_is_not_asked_for_is_skipped() {
    let text = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"n","uid":"u","labels":{"k":"v","e":"\"x\""},
        "annotations":null,"creationTimestamp":null,"ownerReferences":[{"kind":"Job","name":"j","uid":"1","controller":false},
        {"kind":"ReplicaSet","name":"r","uid":"2","controller":true}],"managedFields":[{"fieldsV1":{"f:metadata":{}}}]},
        "spec":{"nodeName":"node","containers":[{"name":"c","image":"i:1","env":[{"name":"x"}]}],"hostNetwork":true},
        "status":{"phase":"Failed","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}],
        "containerStatuses":[{"name":"c","containerID":"containerd://ab","restartCount":2,"imageID":"i@sha256:1",
        "lastState":{"terminated":{"containerID":"containerd://aa","finishedAt":"2026-01-01T00:00:00Z"}},"state":{}}]}}"#;
    let pod: PodObject<'_> = serde_json::from_str(text).unwrap();
    assert_eq!(pod.metadata.labels.get("e"), Some("\"x\""));
    assert_eq!(pod.metadata.annotations.iter().count(), 0);
    assert_eq!(pod.metadata.controller().unwrap().name, "r");
    assert!(pod.has_ended() && pod.spec.host_network);
    let addresses: Vec<String> = pod.addresses().map(|address| address.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.1", "fd00::1"]);
    let container = pod.containers().next().unwrap();
    assert_eq!(container.spec.image, "i:1");
    let status = container.status.unwrap();
    assert_eq!(
        (status.restart_count, &*status.container_id),
        (2, "containerd://ab")
    );
    assert_eq!(status.last_state.terminated.container_id, "containerd://aa");
}

#[test]
fn names_and_labels_are_borrowed_from_what_came_in() {
    let text = r#"{"metadata":{"name":"a","labels":{"k":"v"}}}"#;
    let object: MetaObject<'_> = serde_json::from_str(text).unwrap();
    let inside = text.as_bytes().as_ptr_range();
    assert!(inside.contains(&object.metadata.name.as_ptr()));
    let (key, value) = object.metadata.labels.iter().next().unwrap();
    assert!(inside.contains(&key.as_ptr()) && inside.contains(&value.as_ptr()));
}

#[test]
fn a_page_gives_its_items_one_by_one() {
    let text = br#"{"kind":"PodList","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}],
        "metadata":{"resourceVersion":"7","continue":"more","remainingItemCount":3}}"#;
    let mut names = Vec::new();
    let page = each_item(text, &mut |object: MetaObject<'_>| {
        names.push(object.metadata.name.to_string())
    })
    .unwrap();
    assert_eq!(names, ["a", "b"]);
    assert_eq!((&*page.resource_version, &*page.continuation), ("7", "more"));
    let nothing = each_item(br#"{"items":null,"metadata":{}}"#, &mut |_: MetaObject<'_>| {
        panic!("an item")
    })
    .unwrap();
    assert_eq!(nothing, Page::default());
    for wrong in [
        "[]",
        "{}",
        r#"{"items":[1],"metadata":{}}"#,
        r#"{"metadata":{}} x"#,
    ] {
        assert!(
            each_item(wrong.as_bytes(), &mut |_: MetaObject<'_>| {}).is_err(),
            "{wrong}"
        );
    }
}

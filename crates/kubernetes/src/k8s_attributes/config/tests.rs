use super::*;
use forebay_core::{Section, Source as Text};
use std::sync::Arc;

/// Reads a config, and gives every mistake with the piece of text that is blamed.
fn mistakes(text: &str) -> Vec<(String, String)> {
    let source = Arc::new(Text {
        name: "test.toml".to_owned(),
        text: text.to_owned(),
    });
    let section = Section::whole(source);
    let piece = |place: forebay_core::Place| place.source.text[place.span].to_owned();
    match section.read::<K8sAttributesConfig>() {
        Err(found) => found
            .into_iter()
            .map(|diagnostic| (diagnostic.message, piece(diagnostic.place.unwrap())))
            .collect(),
        Ok(config) => config
            .check()
            .into_iter()
            .map(|problem| (problem.message, piece(section.place_of(&problem.path))))
            .collect(),
    }
}

fn read(text: &str) -> K8sAttributesConfig {
    let found = mistakes(text);
    assert_eq!(found, [], "{text}");
    toml::from_str(text).unwrap()
}

#[test]
fn every_mistake_has_its_place() {
    let cases = [
        (
            "extract.metadata = ['k8s.pod.nme']",
            "unknown value `k8s.pod.nme`",
            "'k8s.pod.nme'",
        ),
        ("extract.metadata = []", "nothing is extracted", "extract"),
        (
            "extract.metadata = ['k8s.pod.uid', 'k8s.pod.uid']",
            "`k8s.pod.uid` stands here twice",
            "'k8s.pod.uid'",
        ),
        (
            "extract.labels = [{ key_regex = 'a(b' }]",
            "`a(b` is not a regular expression that can be used: unclosed group",
            "'a(b'",
        ),
        (
            "extract.labels = [{ key_regex = 'a)(?:b' }]",
            "`a)(?:b` is not a regular expression that can be used: unopened group",
            "'a)(?:b'",
        ),
        (
            "extract.labels = [{ key = 'a', key_regex = 'b' }]",
            "`key_regex` and `key` are two ways to say which one: leave one of them out",
            "key_regex",
        ),
        (
            "extract.labels = [{ tag_name = 'a' }]",
            "a label or annotation is named by `key` or by `key_regex`",
            "{ tag_name = 'a' }",
        ),
        (
            "extract.labels = [{ key = 'my label' }]",
            "`my label` is not the key of a label or an annotation: it has letters, digits, `-`, `_` and `.`, and nothing else",
            "'my label'",
        ),
        (
            "extract.annotations = [{ key_regex = '(a)', tag_name = 'x.$2' }]",
            "`x.$2` names a group `2`: `(a)` has no such brackets",
            "'x.$2'",
        ),
        (
            "extract.annotations = [{ key_regex = 'a.*', tag_name = 'x' }]",
            "`x` would be the name of whatever `key_regex` finds: write `$1` for what stands in its first brackets, or one entry for each \
             `key`",
            "'x'",
        ),
        (
            "extract.annotations = [{ key_regex = 'a.*', tag_name = 'x.$' }]",
            "`x.$` has a `$` that nothing follows: write `$1` for a group, or `$$` for a dollar sign",
            "'x.$'",
        ),
        (
            "extract.labels = [{ key = 'a', tag_name = 'x' }, { key = 'b', tag_name = 'x' }]",
            "an entry above gives the same attribute of the same pod",
            "'x'",
        ),
        (
            "extract.labels = [{ key = 'a', from = 'node' }, { key = 'a', from = 'node' }]",
            "an entry above gives the same attribute of the same node",
            "'a'",
        ),
        (
            "extract.labels = [{ key = 'a', tag_name = 'k8s.pod.name' }]",
            "`metadata` gives `k8s.pod.name` already",
            "'k8s.pod.name'",
        ),
        (
            "extract.labels = [{ key = 'a', from = 'pods' }]",
            "unknown value `pods`",
            "'pods'",
        ),
        (
            "filter.namespace = 'Shop'",
            "`Shop` is not the name of a namespace: it has small letters, digits and `-`, and nothing else",
            "'Shop'",
        ),
        (
            "filter.node = '-a'",
            "`-a` is not the name of a node: it begins and ends with a letter or a digit",
            "'-a'",
        ),
        (
            "filter.node_from_env_var = 'NODE-NAME'",
            "`NODE-NAME` is not the name of an environment variable: it has letters, digits and `_`, and nothing else",
            "'NODE-NAME'",
        ),
        (
            "filter = { node = 'a', node_from_env_var = 'B' }",
            "`node` and `node_from_env_var` both say which node",
            "'B'",
        ),
        (
            "filter.labels = [{ key = 'a', value = 'b c' }]",
            "`b c` is not the value of a label: it has letters, digits, `-`, `_` and `.`, and nothing else",
            "'b c'",
        ),
        (
            "filter.labels = [{ key = 'a' }]",
            "`value` is missing: a label is compared with one",
            "{ key = 'a' }",
        ),
        (
            "filter.labels = [{ key = 'a', value = 'b', op = 'exists' }]",
            "`value` has no meaning here: `op` asks only whether there is such a label",
            "value",
        ),
        (
            "filter.labels = [{ key = 'a', value = 'b', op = 'in' }]",
            "unknown value `in`",
            "'in'",
        ),
        (
            "filter = { node = 'a', fields = [{ key = 'spec.nodeName', value = 'b' }] }",
            "`spec.nodeName` says once more which one is meant: another key says the node already",
            "'spec.nodeName'",
        ),
        (
            "pod_association = [{ sources = [] }]",
            "`sources` is empty: the rule would find no pod",
            "sources",
        ),
        (
            "pod_association = [{ sources = [{ from = 'resource_attribute' }] }]",
            "`name` is missing: it says which attribute of the resource",
            "{ from = 'resource_attribute' }",
        ),
        (
            "pod_association = [{ sources = [{ from = 'connection', name = 'ip' }] }]",
            "`name` has no meaning here: a connection has an address only",
            "name",
        ),
        (
            "pod_association = [{ sources = [{ from = 'connection' }, { from = 'connection' }] }]",
            "`sources` has `connection` twice",
            "sources",
        ),
        (
            "pod_association = [{ sources = [{ from = 'resource_attribute', name = 'k8s.namespace.name' }] }]",
            "`sources` cannot tell one pod from others by `k8s.namespace.name`: add `connection`, or one of the attributes `k8s.pod.ip`, \
             `k8s.pod.uid`, `container.id`, `host.name` and `k8s.pod.name`",
            "sources",
        ),
        (
            "pod_association = [{ sources = [{ from = 'resource_attribute', name = 'k8s.pod.name' }] }]",
            "pods of several namespaces may have one name",
            "[{ from = 'resource_attribute', name = 'k8s.pod.name' }]",
        ),
        (
            "pod_association = [{ sources = [{ from = 'connection' }, { from = 'resource_attribute', name = 'team' }] }]",
            "`team` is not extracted, and so no pod has it: the rule would find none",
            "'team'",
        ),
        (
            "pod_association = [{ sources = [{ from = 'connection' }] }, { sources = [{ from = 'connection' }, { from = \
             'resource_attribute', name = 'k8s.pod.uid' }] }]",
            "this rule finds nothing that rule 1 has not found before it",
            "[{ from = 'connection' }, { from = 'resource_attribute', name = 'k8s.pod.uid' }]",
        ),
        (
            "exclude.pods = [{ name = '*' }]",
            "`*` is not a regular expression that can be used: repetition operator missing expression",
            "'*'",
        ),
        (
            "exclude.pods = [{ name = '' }]",
            "`` is found in every name: no pod would be left",
            "''",
        ),
        (
            "wait_for_metadata_timeout = '1h'",
            "`1h` cannot be given here: give 1s to 10m",
            "'1h'",
        ),
        (
            "pod_delete_grace_period = '2h'",
            "`2h` cannot be given here: give 0s to 1h",
            "'2h'",
        ),
        (
            "max_bytes = '0%'",
            "a budget of 0% leaves room for nothing",
            "'0%'",
        ),
        (
            "auth_type = 'serviceAccount'",
            "unknown value `serviceAccount`",
            "'serviceAccount'",
        ),
        (
            "auth_type = 'none'",
            "it is not known where the API server is",
            "'none'",
        ),
        (
            "context = 'a'",
            "`context` has no effect with `auth_type = \"service_account\"`",
            "'a'",
        ),
        (
            "auth_type = 'kube_config'\ntoken_file = '/t'",
            "`token_file` has no effect with `auth_type = \"kube_config\"`",
            "'/t'",
        ),
        (
            "api_server = 'http://10.0.0.1'",
            "the token would go over the network in clear text",
            "'http://10.0.0.1'",
        ),
        (
            "api_server = '10.0.0.1:6443'",
            "`10.0.0.1:6443` is not the address of an API server: write \"https://HOST:PORT\"",
            "'10.0.0.1:6443'",
        ),
        (
            "passthrough = true\nfilter.node = 'a'",
            "`filter` has no effect with `passthrough`: nothing is asked of the API, and only `k8s.pod.ip` is put",
            "filter",
        ),
        (
            "passthrough = true\nextract.otel_annotations = true",
            "`extract` has no effect with `passthrough`: nothing is asked of the API, and only `k8s.pod.ip` is put",
            "extract",
        ),
    ];
    for (text, message, piece) in cases {
        assert_eq!(mistakes(text), [(message.to_owned(), piece.to_owned())], "{text}");
    }
}

#[test]
fn a_rule_has_four_sources_at_most() {
    let names = [
        "k8s.pod.uid",
        "k8s.pod.ip",
        "container.id",
        "host.name",
        "k8s.pod.name",
    ];
    let sources: Vec<String> = names
        .iter()
        .map(|name| format!("{{ from = 'resource_attribute', name = '{name}' }}"))
        .collect();
    let rule = |count: usize| {
        format!(
            "pod_association = [{{ sources = [{}] }}]",
            sources[..count].join(", ")
        )
    };
    assert_eq!(read(&rule(4)).pod_association[0].sources().len(), 4);
    assert_eq!(
        mistakes(&rule(5)),
        [(
            "`sources` has 5 sources: a rule has 4 at most".to_owned(),
            "sources".to_owned()
        )]
    );
}

#[test]
fn what_a_field_of_pods_is_is_said() {
    let [(message, piece)] = &mistakes("filter.fields = [{ key = 'spec.node', value = 'a' }]")[..] else {
        panic!("one mistake")
    };
    assert!(message.starts_with("`spec.node` is not a field by which pods can be selected: these are "));
    assert_eq!(piece, "'spec.node'");
}

#[test]
fn fallbacks_are_no_mistakes() {
    read(
        "extract.labels = [{ key = 'team', tag_name = 'team' }, { key = 'team', tag_name = 'team', from = 'namespace' }]",
    );
    read(
        "extract.labels = [{ key = 'team', tag_name = 'team' }]\nextract.annotations = [{ key = 'team', tag_name = 'team' }]",
    );
    read(
        "pod_association = [{ sources = [{ from = 'resource_attribute', name = 'k8s.pod.name' }] }]\nfilter.namespace = 'shop'",
    );
    read("api_server = 'http://127.0.0.1:8001'");
    read("api_server = 'http://[::1]:8001'");
    read("auth_type = 'none'\napi_server = 'http://10.0.0.1'");
    read("passthrough = true\noverride = true");
    read("");
}

#[test]
fn names_of_attributes_are_made_of_keys() {
    let field = |text: &str| -> FieldConfig { toml::from_str(text).unwrap() };
    let cases = [
        ("key = 'app'", "app", Some("k8s.pod.label.app")),
        ("key = 'app'", "apps", None),
        (
            "key = 'a/b'\nfrom = 'namespace'",
            "a/b",
            Some("k8s.namespace.label.a/b"),
        ),
        ("key = 'app'\ntag_name = 'x$1'", "app", Some("x$1")),
        ("key_regex = 'an*'", "annotation1", None),
        ("key_regex = 'an*'", "ann", Some("k8s.pod.label.ann")),
        ("key_regex = 'a|bc'", "abc", None),
        (
            "key_regex = 'kubernetes[.]io/(.*)'\ntag_name = '$1'",
            "kubernetes.io/part",
            Some("part"),
        ),
        (
            "key_regex = '(a)(b)?/(?<rest>.*)'\ntag_name = '$2$rest-$1_$$'",
            "a/x",
            Some("x-a_$"),
        ),
        ("key_regex = '(.)(.)'\ntag_name = '$1x$2'", "ab", Some("axb")),
        ("key_regex = '(.+)'\ntag_name = '$0!'", "ab", Some("ab!")),
    ];
    for (text, key, expected) in cases {
        assert_eq!(
            field(text).name_of("label", key).as_deref(),
            expected,
            "{text}: {key}"
        );
    }
}

#[test]
fn selectors_are_what_the_api_reads() {
    let text = "namespace = 'shop'\n\
        labels = [{ key = 'a', value = 'b' }, { key = 'x.io/c', value = '', op = 'not-equals' }, { key = 'd', op = 'exists' }, \
        { key = 'e', op = 'does-not-exist' }]\n\
        fields = [{ key = 'status.phase', value = 'Running' }, { key = 'spec.schedulerName', value = 'a,b=c\\d', op = 'not-equals' }]";
    let filter: FilterConfig = toml::from_str(text).unwrap();
    assert_eq!(filter.label_selector().as_deref(), Some("a=b,x.io/c!=,d,!e"));
    assert_eq!(
        filter.field_selector().as_deref(),
        Some("status.phase=Running,spec.schedulerName!=a\\,b\\=c\\\\d")
    );
    assert_eq!(FilterConfig::default().label_selector(), None);
    assert_eq!(FilterConfig::default().field_selector(), None);
}

#[test]
fn what_can_be_extracted_is_called_as_it_is_written() {
    for metadata in Metadata::ALL {
        let name = serde_json::to_value(metadata).unwrap();
        assert_eq!(name, metadata.as_str());
    }
    let all: Wants = Metadata::ALL.into_iter().collect();
    assert!(Metadata::ALL.into_iter().all(|metadata| all.has(metadata)));
    let none = Wants::default();
    assert!(!Metadata::ALL.into_iter().any(|metadata| none.has(metadata)) && !none.containers());
}

#[test]
fn what_is_written_is_read_again() {
    let text = "auth_type = 'kube_config'\ncontext = 'kind'\noverride = true\nwait_for_metadata = true\n\
        extract = { metadata = ['k8s.pod.name'], labels = [{ key_regex = '(.*)', tag_name = 'l.$1', from = 'node' }] }\n\
        filter = { node = 'n1', labels = [{ key = 'a', op = 'exists' }] }\n\
        pod_association = [{ sources = [{ from = 'connection' }] }, { sources = [{ from = 'resource_attribute', name = 'k8s.pod.uid' }] }]\n\
        exclude.pods = [{ name = '^a' }]";
    let config = read(text);
    let written = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<K8sAttributesConfig>(&written).unwrap(), config);
}

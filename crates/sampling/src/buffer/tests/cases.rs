//! Single cases.

use super::super::Limits;
use super::super::{Decision, EnvelopeId, First, Refusal, TraceBuffer};
use super::{buffer, id, limits};
use forebay_otlp::Signal;

#[test]
fn a_trace_of_thousands_of_items_comes_out_in_order() {
    let (mut buffer, envelope) = buffer(limits());
    let item = |number: u32| number.to_le_bytes().repeat(number as usize % 40);
    let first = First {
        id: &id(1),
        arrival: 5,
        envelope,
        item: &item(0),
    };
    let trace = buffer.insert(&first).unwrap();
    for number in 1..20_000 {
        buffer.append(trace, envelope, &item(number)).unwrap();
    }
    let mut taken = buffer.take(trace).unwrap();
    for number in 0..20_000 {
        let record = taken.next_record().unwrap();
        assert_eq!(record.item.len(), item(number).len());
        assert_eq!(record.item.flatten().copied().collect::<Vec<u8>>(), item(number));
    }
    assert!(taken.next_record().is_none());
    drop(taken);
    assert_eq!(buffer.memory().blocks_in_use, 0);
    assert!(buffer.find(&id(1)).is_none());
}

#[test]
fn what_can_never_fit_is_told_apart_from_what_has_to_wait() {
    let small = Limits {
        max_bytes: 200_000,
        max_traces: 10,
        max_trace_bytes: 190_000,
        seed: 1,
    };
    let (mut buffer, envelope) = buffer(small);
    let memory = buffer.memory();
    let insert = |buffer: &mut TraceBuffer<u64>, number, length| {
        let item = vec![1; length];
        buffer.insert(&First {
            id: &id(number),
            arrival: 0,
            envelope,
            item: &item,
        })
    };
    assert_eq!(insert(&mut buffer, 1, 190_001), Err(Refusal::TraceFull));
    assert_eq!(insert(&mut buffer, 1, 189_999), Err(Refusal::TooLarge));
    assert_eq!(buffer.memory(), memory);
    let first = insert(&mut buffer, 1, 90_000).unwrap();
    assert_eq!(insert(&mut buffer, 2, 90_000), Err(Refusal::Full));
    assert!(!buffer.has_room(1, 90_000) && buffer.has_room(1, 1_000));
    buffer.discard(first).unwrap();
    assert!(buffer.has_room(1, 90_000));
    insert(&mut buffer, 2, 90_000).unwrap();
    assert_eq!(buffer.append(first, envelope, b"x"), Err(Refusal::Gone));
}

#[test]
fn there_are_no_more_traces_than_may_be() {
    let (mut buffer, envelope) = buffer(Limits {
        max_traces: 3,
        ..limits()
    });
    for number in 0..4 {
        let result = buffer.insert(&First {
            id: &id(number),
            arrival: 0,
            envelope,
            item: b"",
        });
        assert_eq!(result.err(), (number == 3).then_some(Refusal::Full));
    }
    assert_eq!(buffer.len(), 3);
}

#[test]
fn a_budget_too_small_says_what_is_needed() {
    let tiny = Limits {
        max_bytes: 10_000,
        ..limits()
    };
    let error = TraceBuffer::<u64>::new(tiny).unwrap_err();
    assert_eq!(error.limit, 10_000);
    let enough = Limits {
        max_bytes: error.needed,
        ..limits()
    };
    let (mut buffer, envelope) = buffer(enough);
    let item = [0; 500];
    buffer
        .insert(&First {
            id: &id(1),
            arrival: 0,
            envelope,
            item: &item,
        })
        .unwrap();
}

/// Puts in traces of one item, `from..to`.
fn fill(buffer: &mut TraceBuffer<u64>, envelope: EnvelopeId, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let first = First {
            id: &id(number),
            arrival: 0,
            envelope,
            item: &[1; 2500],
        };
        buffer.insert(&first).unwrap();
    }
}

#[test]
fn memory_is_given_back_when_all_has_left() {
    let (mut buffer, envelope) = buffer(limits());
    fill(&mut buffer, envelope, 0..1000);
    let full = buffer.memory();
    while let Some(oldest) = buffer.oldest() {
        buffer.discard(oldest).unwrap();
    }
    for _ in 0..40 {
        buffer.tidy();
    }
    let empty = buffer.memory();
    assert!(full.blocks > 2_500_000, "{full:?}");
    assert!(
        empty.blocks <= 3 * (full.blocks - full.blocks_in_use).max(16 << 10),
        "{empty:?}"
    );
    assert!(empty.traces * 10 < full.traces, "{empty:?}");
}

#[test]
fn memory_is_given_back_when_the_load_falls_and_goes_on() {
    let (mut buffer, envelope) = buffer(limits());
    fill(&mut buffer, envelope, 0..1000);
    // Those that stay are all over the memory.
    for number in (0..1000).filter(|number| number % 10 != 0) {
        let trace = buffer.find(&id(number)).unwrap();
        buffer.discard(trace).unwrap();
    }
    for number in 1000..2000 {
        let oldest = buffer.oldest().unwrap();
        buffer.discard(oldest).unwrap();
        fill(&mut buffer, envelope, number..number + 1);
    }
    let memory = buffer.memory();
    assert_eq!(buffer.len(), 100);
    assert!(
        memory.blocks_in_use >= 250_000 && memory.blocks < 500_000,
        "{memory:?}"
    );
}

#[test]
fn an_envelope_stays_while_an_item_may_refer_to_it() {
    let (mut buffer, first) = buffer(limits());
    let old = First {
        id: &id(1),
        arrival: 0,
        envelope: first,
        item: b"a",
    };
    let old = buffer.insert(&old).unwrap();
    let second = buffer.intern(Signal::Logs, b"resource", b"other").unwrap();
    assert_eq!(buffer.envelopes(), 3, "the resource is held once");
    buffer.append(old, second, b"b").unwrap();
    fill(&mut buffer, first, 2..3);
    buffer.tidy();
    assert_eq!(buffer.envelopes(), 3);
    buffer.discard(old).unwrap();
    buffer.tidy();
    assert_eq!(
        buffer.envelopes(),
        2,
        "no trace that is held had begun when the second was used"
    );
    assert!(buffer.envelope(second).is_none() && buffer.envelope(first).is_some());
    assert_eq!(
        buffer.append(buffer.oldest().unwrap(), second, b"c"),
        Err(Refusal::Gone)
    );
}

#[test]
fn many_searches_at_once_find_what_single_ones_do() {
    let (mut buffer, envelope) = buffer(limits());
    fill(&mut buffer, envelope, 0..100);
    let ids: Vec<_> = (0..400).map(|number| id(number * 7 % 200)).collect();
    let mut found = Vec::new();
    buffer.find_all(&ids, &mut found);
    let single: Vec<_> = ids.iter().map(|id| buffer.find(id)).collect();
    assert_eq!(found, single);
    assert_eq!(found.iter().flatten().count(), 200);
}

#[test]
fn decisions_are_remembered_and_replaced() {
    let (mut buffer, _) = buffer(limits());
    assert_eq!(buffer.recall(&id(1)), None);
    let (kept, dropped) = (
        Decision {
            kept: true,
            note: Decision::MAX_NOTE,
        },
        Decision { kept: false, note: 0 },
    );
    buffer.remember(&id(1), kept);
    buffer.remember(&id(2), dropped);
    assert_eq!(
        (buffer.recall(&id(1)), buffer.recall(&id(2))),
        (Some(kept), Some(dropped))
    );
    buffer.remember(&id(1), dropped);
    assert_eq!(buffer.recall(&id(1)), Some(dropped));
}

#[test]
fn ten_times_as_many_traces_are_remembered_as_are_held() {
    let (mut buffer, _) = buffer(limits());
    let decision = |number| Decision {
        kept: number % 3 == 0,
        note: number as u32,
    };
    for number in 0..100_000 {
        buffer.remember(&id(number), decision(number));
    }
    for number in 90_000..100_000 {
        assert_eq!(buffer.recall(&id(number)), Some(decision(number)), "{number}");
    }
    assert!(buffer.memory().decisions <= 16 * 10 * 1000 + 512);
    assert!((100_000..200_000).all(|number| buffer.recall(&id(number)).is_none()));
}

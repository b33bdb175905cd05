//! What is asked of the store, each time with other values.

use std::cmp::Reverse;
use std::time::Instant;

use anyhow::Context as _;
use dsiem_core::risk::RiskClass;
use dsiem_frontend::alarm_store::{AlarmStore, Filter, Order, Role, SortBy};
use ipnet::IpNet;

use crate::cpu::Cpu;
use crate::made::{BEGIN, Chance, KINGDOMS, WHAT, destination, directive, id, source};
use crate::{Args, Times, say};

/// One question; what was asked, in words.
type Question = fn(&AlarmStore, &mut Chance) -> anyhow::Result<String>;

pub(crate) fn measure(store: &AlarmStore, args: &Args) -> anyhow::Result<()> {
    let questions: [(&str, u64, Question); 13] = [
        ("page, no filter, any order", 100, |store, chance| page(store, chance, &Filter::default())),
        ("page, one filter, any order", 100, |store, chance| {
            let filter = one_filter(chance);
            page(store, chance, &filter)
        }),
        ("page, several filters, any order", 100, |store, chance| {
            let filter = several(chance);
            page(store, chance, &filter)
        }),
        ("page, an address", 100, |store, chance| {
            let address = if chance.below(2) == 0 { source(chance) } else { destination(chance) };
            page(store, chance, &Filter { network: Some(address.into()), ..Filter::default() })
        }),
        ("page, a network and a class", 100, |store, chance| {
            let filter =
                Filter { network: network(chance), class: vec![RiskClass::High], ..Filter::default() };
            page(store, chance, &filter)
        }),
        ("search", 200, |store, chance| {
            let filter = Filter { text: Some(search(chance)), ..Filter::default() };
            page(store, chance, &filter)
        }),
        ("search and several filters", 200, |store, chance| {
            let filter = Filter { text: Some(search(chance)), ..several(chance) };
            page(store, chance, &filter)
        }),
        ("search in a network", 200, |store, chance| {
            let filter = Filter { text: Some(search(chance)), network: network(chance), ..Filter::default() };
            page(store, chance, &filter)
        }),
        ("facets of a time", 500, |store, chance| {
            let filter = in_time(chance, one_filter);
            store.facets(&filter)?;
            Ok(said(&filter))
        }),
        ("facets of a search in a time", 500, |store, chance| {
            let filter = in_time(chance, |chance| Filter { text: Some(search(chance)), ..Filter::default() });
            store.facets(&filter)?;
            Ok(said(&filter))
        }),
        ("alarms over time by class", 500, |store, chance| {
            let filter = in_time(chance, one_filter);
            let (from, until) = (filter.created_from.unwrap_or(BEGIN), filter.created_until.unwrap_or(BEGIN));
            store.over_time(&filter, from, until)?;
            Ok(said(&filter))
        }),
        ("top addresses of a time", 500, |store, chance| {
            let filter = in_time(chance, |_| Filter::default());
            let (from, until) = (filter.created_from.unwrap_or(BEGIN), filter.created_until.unwrap_or(BEGIN));
            let role = if chance.below(2) == 0 { Role::Source } else { Role::Destination };
            store.top_addresses(role, from, until, 10)?;
            Ok(format!("{role:?}, {}", said(&filter)))
        }),
        ("an alarm and 50 of its events", 100, |store, chance| {
            let id = id(chance.below(10_000));
            store.alarm(&id)?.context("it is there")?;
            store.events(&id, 1, 0, 50)?;
            Ok(id)
        }),
    ];
    let cpu = Cpu::of(args.server.as_deref())?;
    say(
        "| Question | bar | p50 | p99 | longest | CPU: p50 | p99 | longest |\n|---|---|---|---|---|---|---|---|",
    )?;
    for (name, bar, question) in questions.into_iter().filter(|(name, ..)| name.starts_with(&args.only)) {
        let mut chance = Chance(0x1234_5678_9abc_def1);
        let (mut times, mut cpu_times) = (Times::default(), Times::default());
        let mut asked = Vec::new();
        for _ in 0..args.questions {
            let (began, used) = (Instant::now(), cpu.used());
            let what = question(store, &mut chance)?;
            let took = began.elapsed();
            cpu_times.push(cpu.used().saturating_sub(used));
            times.push(took);
            asked.push((took, what));
        }
        let (times, cpu_times) = (times.in_columns(), cpu_times.in_columns());
        say(&format!("| {name} | {bar} ms | {times} | {cpu_times} |"))?;
        asked.sort_by_key(|(took, _)| Reverse(*took));
        for (took, what) in asked.iter().take(args.slowest) {
            say(&format!("    {took:.0?}: {what}"))?;
        }
    }
    Ok(())
}

pub(crate) fn page(store: &AlarmStore, chance: &mut Chance, filter: &Filter) -> anyhow::Result<String> {
    let by =
        [SortBy::Created, SortBy::Updated, SortBy::Risk, SortBy::Title][usize::try_from(chance.below(4))?];
    let order = Order { by, descending: chance.below(4) > 0 };
    let page = store.page(filter, order, None, 50)?;
    Ok(format!("{by:?} {}, {:?}: {}", if order.descending { "down" } else { "up" }, page.count, said(filter)))
}

/// What a filter says: the parts of it that are not empty.
fn said(filter: &Filter) -> String {
    let whole = format!("{filter:?}");
    let parts = whole.trim_start_matches("Filter { ").trim_end_matches(" }").split(", ");
    parts.filter(|part| !part.ends_with(": None") && !part.ends_with(": []")).collect::<Vec<_>>().join(", ")
}

pub(crate) fn one_filter(chance: &mut Chance) -> Filter {
    let none = Filter::default();
    let directive = chance.skewed(2_000);
    match chance.below(7) {
        0 => Filter { status: vec!["Open".into()], ..none },
        1 => Filter { tag: vec!["False Positive".into()], ..none },
        2 => Filter {
            class: vec![[RiskClass::Low, RiskClass::High][usize::from(directive.is_multiple_of(2))]],
            ..none
        },
        3 => Filter { risk: Some(7..=10), ..none },
        4 => Filter { kingdom: vec![KINGDOMS[usize::try_from(directive % 6).unwrap_or(0)].into()], ..none },
        5 => Filter { category: vec![format!("Category {}", directive % 30)], ..none },
        _ => Filter { directive: vec![directive + 1], ..none },
    }
}

pub(crate) fn several(chance: &mut Chance) -> Filter {
    let one = one_filter(chance);
    let other = one_filter(chance);
    let begin = BEGIN + chance.below(90).cast_signed() * 86_400;
    let length = (1 + chance.below(30).cast_signed()) * 86_400;
    Filter {
        tag: if one.tag.is_empty() { other.tag } else { one.tag },
        class: if one.class.is_empty() { other.class } else { one.class },
        kingdom: if one.kingdom.is_empty() { other.kingdom } else { one.kingdom },
        status: vec![["Open", "Closed"][usize::from(chance.below(2) == 0)].into()],
        created_from: Some(begin),
        created_until: Some(begin + length),
        ..Filter::default()
    }
}

fn in_time(chance: &mut Chance, filter: fn(&mut Chance) -> Filter) -> Filter {
    let days = [1, 7, 30, 90][usize::try_from(chance.below(4)).unwrap_or(0)];
    let from = BEGIN + chance.below(91 - days).cast_signed() * 86_400;
    Filter {
        created_from: Some(from),
        created_until: Some(from + days.cast_signed() * 86_400),
        ..filter(chance)
    }
}

fn network(chance: &mut Chance) -> Option<IpNet> {
    let prefix = 16 + u8::try_from(chance.below(16)).unwrap_or(0);
    IpNet::new(destination(chance), prefix).ok()
}

fn search(chance: &mut Chance) -> String {
    let directive = directive(chance.next());
    match chance.below(4) {
        0 => WHAT[usize::try_from(directive % 8).unwrap_or(0)].into(),
        1 => format!("kind {directive}"),
        2 => source(chance).to_string(),
        _ => format!("brute host {}", chance.below(5_000)),
    }
}

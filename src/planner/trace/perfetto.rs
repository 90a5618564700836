//! Timelines in the Chrome trace-event format, which Perfetto and Chrome's tracing page open.

use serde_json::{Value, json};

use super::{kind, source};
use crate::planner::task_graph::{DatumId, TaskGraph};
use crate::planner::timeline::{Lane, Span, Timeline, What};
use crate::planner::work::Place;

/// A trace with one process per timeline and one thread per lane, ready to be written to a `.json` file. With the graph,
/// events say what they read, write and move, and arrows lead from producers over copies to consumers.
///
/// The same timelines give the same bytes. `O(spans · log(spans) + reads)`.
pub fn trace(timelines: &[(&str, &Timeline)], graph: Option<&TaskGraph>) -> String {
    let mut events = Vec::new();
    for (i, (name, timeline)) in timelines.iter().enumerate() {
        // Perfetto takes process 0 for the idle process.
        let pid = i + 1;
        events.push(meta(pid, 0, "process_name", &json!({ "name": name })));
        events.push(meta(pid, 0, "process_sort_index", &json!({ "sort_index": i })));
        events.push(meta(pid, 0, "process_labels", &json!({ "labels": source(timeline.source) })));
        for lane in timeline.lanes() {
            events.push(meta(pid, tid(lane), "thread_name", &json!({ "name": lane.to_string() })));
            events.push(meta(pid, tid(lane), "thread_sort_index", &json!({ "sort_index": tid(lane) })));
        }
        events.extend(timeline.spans.iter().map(|span| event(pid, span, timeline.makespan_ns, graph)));
        if let Some(graph) = graph {
            arrows(pid, timeline, graph, &mut events);
        }
    }
    // One event a line: it can be read, compared and searched.
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    format!("{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{}\n]}}\n", lines.join(",\n"))
}

fn meta(pid: usize, tid: u64, name: &str, args: &Value) -> Value {
    json!({ "ph": "M", "pid": pid, "tid": tid, "ts": 0, "name": name, "args": args })
}

/// A number for each lane, which also orders the lanes: the host first, then GPU by GPU.
fn tid(lane: Lane) -> u64 {
    match lane {
        Lane::Cpu => 1,
        Lane::Upload(i) => 10 + 4 * u64::from(i),
        Lane::Gpu(i) => 11 + 4 * u64::from(i),
        Lane::Download(i) => 12 + 4 * u64::from(i),
        Lane::Build(i) => 13 + 4 * u64::from(i),
    }
}

/// The format counts microseconds.
fn us(ns: u64) -> f64 {
    ns as f64 / 1000.0
}

fn event(pid: usize, span: &Span, makespan_ns: u64, graph: Option<&TaskGraph>) -> Value {
    let share = span.ns() as f64 / makespan_ns.max(1) as f64;
    let mut args = json!({ "start_ns": span.start_ns, "ns": span.ns(), "share_of_makespan": share });
    match span.what {
        What::Run(t) | What::Build(t) => {
            args["task"] = json!(t);
            if let Some((graph, task)) = graph.and_then(|g| g.tasks.get(t).map(|task| (g, task))) {
                let name = |d: DatumId| graph.data.get(d).map_or("", |datum| datum.name.as_str());
                args["reads"] = task.reads.iter().map(|r| name(r.datum)).collect();
                args["writes"] = task.writes.iter().map(|&d| name(d)).collect();
            }
        }
        What::Copy(d) | What::Evict(d) => {
            args["datum"] = json!(d);
            if let Some(datum) = graph.and_then(|g| g.data.get(d)) {
                args["bytes"] = json!(datum.bytes);
            }
        }
    }
    let mut event = json!({
        "pid": pid, "tid": tid(span.lane), "ts": us(span.start_ns),
        "name": span.label, "cat": kind(span.what), "args": args,
    });
    if matches!(span.what, What::Evict(_)) && span.ns() == 0 {
        event["ph"] = json!("i");
        event["s"] = json!("t");
    } else {
        event["ph"] = json!("X");
        event["dur"] = json!(us(span.ns()));
    }
    event
}

/// Where a span leaves a datum, if it does.
fn delivers(span: &Span, datum: DatumId, writer: Option<usize>) -> Option<Place> {
    match (span.what, span.lane) {
        (What::Copy(d), Lane::Upload(i)) if d == datum => Some(Place::Gpu(i)),
        (What::Copy(d), Lane::Download(_)) if d == datum => Some(Place::Cpu),
        (What::Run(t), Lane::Cpu) if Some(t) == writer => Some(Place::Cpu),
        (What::Run(t), Lane::Gpu(i)) if Some(t) == writer => Some(Place::Gpu(i)),
        _ => None,
    }
}

/// Arrows from the span that brought a datum to the spans that use it there.
fn arrows(pid: usize, timeline: &Timeline, graph: &TaskGraph, events: &mut Vec<Value>) {
    let writers = graph.writers();
    let mut by_datum: Vec<Vec<&Span>> = vec![Vec::new(); graph.data.len()];
    for span in &timeline.spans {
        match span.what {
            What::Copy(d) => by_datum.get_mut(d).into_iter().for_each(|list| list.push(span)),
            What::Run(t) => {
                for &d in graph.tasks.get(t).map_or(&[][..], |t| &t.writes) {
                    by_datum.get_mut(d).into_iter().for_each(|list| list.push(span));
                }
            }
            What::Build(_) | What::Evict(_) => {}
        }
    }
    let mut id = 0;
    for span in &timeline.spans {
        let reads: Vec<DatumId> = match span.what {
            What::Run(t) => graph.tasks.get(t).map_or(vec![], |t| t.reads.iter().map(|r| r.datum).collect()),
            What::Copy(d) => vec![d],
            What::Build(_) | What::Evict(_) => continue,
        };
        let here = match span.lane {
            Lane::Gpu(i) | Lane::Download(i) => Place::Gpu(i),
            _ => Place::Cpu,
        };
        for datum in reads {
            let Some(list) = by_datum.get(datum) else { continue };
            let brought = list.iter().filter(|s| s.end_ns <= span.start_ns && !std::ptr::eq(**s, span));
            let last = brought.filter(|s| delivers(s, datum, writers[datum]) == Some(here)).max_by_key(|s| s.end_ns);
            let Some(from) = last else { continue };
            id += 1;
            let end = |ph: &str, at: &Span, ns: u64| {
                json!({
                    "ph": ph, "pid": pid, "tid": tid(at.lane), "ts": us(ns), "cat": "data",
                    "name": graph.data[datum].name, "id": pid << 32 | id,
                })
            };
            // An arrow belongs to the slice in which its time lies, so it starts before that one's end.
            events.push(end("s", from, from.end_ns.saturating_sub(1).max(from.start_ns)));
            let mut to = end("f", span, span.start_ns);
            to["bp"] = json!("e");
            events.push(to);
        }
    }
}

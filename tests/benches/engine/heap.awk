# Where the bytes of one backlog are: sums up what heaptrack says about a case with many open backlogs, by what it is for.
# heaptrack sees nothing of mimalloc: without `#[global_allocator]` in server/runtime/src/program.rs, for the time being,
#
#   cargo bench -p dsiem-tests --bench engine --no-run
#   heaptrack -o heap target/release/deps/engine-... case --backlogs 100000 --events 500000
#   heaptrack_print -f heap.zst -F stacks.txt --flamegraph-cost-type leaked -p0 -a0 -T0
#   awk -v backlogs=100000 -f tests/benches/engine/heap.awk stacks.txt
#
# The events, which concern nobody, let the tasks of all backlogs begin; with --one-in 1 each has a second stage too.

# The last number is the bytes; before it are the calls, outermost first.
{ bytes = $NF; what = "everything else" }
/ingest|filter\.rs|json\/mod\.rs/ { what = "events on their way" }
/\(census\.rs\)/ { what = "census of all open backlogs" }
/\(duplicates\.rs\)/ { what = "manager: remembered event ids" }
/\(table\.rs\)/ { what = "manager: table of entries, alarm ids" }
/\(routing\.rs\)/ { what = "manager: routing" }
/\(expiry\.rs\)/ { what = "manager: deadlines" }
/[ ;]open \(mod\.rs\)|Backlog::open/ { what = "backlog: list of stages" }
/[ ;]count \(stage\.rs\)|Stage::count/ { what = "backlog: first event of a stage" }
/\((collected|address_set)\.rs\)|(insert|place)(<>|::h[0-9a-f]+) \(bounded\.rs\)/ { what = "backlog: collected addresses, ports, texts" }
/\(title\.rs\)/ { what = "backlog: title" }
/\(id\.rs\)/ { what = "alarm id, in backlog and manager" }
/new_task(<>|::)/ { what = "task, with the backlog in its future" }
/mailbox<> \(mailbox\.rs\)|mailbox::mailbox/ { what = "mailbox" }
{ sum[what] += bytes; all += bytes }
END {
    for (what in sum)
        if (sum[what] >= backlogs) printf "| %-45s | %5.0f |\n", what, sum[what] / backlogs | "sort -t'|' -k3 -rn"
    close("sort -t'|' -k3 -rn")
    printf "| %-45s | %5.0f |\n", "all", all / backlogs
}

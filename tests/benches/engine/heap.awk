# Where the bytes of one backlog are: sums up what heaptrack says about a case with many open backlogs, by what it is for.
# docs/performance.md says how to run it. -v backlogs=N says how many are open.

# The last number is the bytes; before it are the calls, outermost first.
{ bytes = $NF; what = "everything else" }
/ingest|filter\.rs|json\/mod\.rs/ { what = "events on their way" }
/\(census\.rs\)/ { what = "census of all open backlogs" }
/\(duplicates\.rs\)/ { what = "manager: remembered event ids" }
/\(table\.rs\)/ { what = "manager: table of entries, alarm ids" }
/\(routing\.rs\)/ { what = "manager: routing" }
/\(expiry\.rs\)/ { what = "manager: deadlines" }
/ open \(mod\.rs\)|;open \(mod\.rs\)/ { what = "backlog: list of stages" }
/ count \(stage\.rs\)|;count \(stage\.rs\)/ { what = "backlog: first event of a stage" }
/\(collected\.rs\)|\(bounded\.rs\);.*insert<>|insert<> \(bounded\.rs\)/ { what = "backlog: collected addresses, ports, texts" }
/\(title\.rs\)/ { what = "backlog: title" }
/\(id\.rs\)/ { what = "alarm id, in backlog and manager" }
/new_task<>/ { what = "task, with the backlog in its future" }
/channel<> \(bounded\.rs\)/ && /spawn \(manager\.rs\)/ { what = "mailbox" }
{ sum[what] += bytes; all += bytes }
END {
    for (what in sum)
        if (sum[what] >= backlogs) printf "| %-45s | %5.0f |\n", what, sum[what] / backlogs | "sort -t'|' -k3 -rn"
    close("sort -t'|' -k3 -rn")
    printf "| %-45s | %5.0f |\n", "all", all / backlogs
}

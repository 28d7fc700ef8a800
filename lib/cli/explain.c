#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "cli/stage.h"

static void explain_time(const struct stage *st) {
    if (!st->needs_time) {
        printf("time: not needed\n");
        return;
    }
    printf("time: %s%s, %s, without an offset %s\n",
        st->o.time ? st->o.time : "window_end - 1 us (no --time)",
        st->time_by_environment ? " (EV_TIME), else window_end - 1 us" : "",
        st->o.time_format ? st->o.time_format : "RFC 3339 and its relatives",
        st->o.tz ? st->o.tz : "UTC");
    struct buf lateness = {0};
    buf_add_duration(&lateness, st->o.lateness);
    if (st->o.has_lateness) printf("lateness: %.*s\n", (int)lateness.n, lateness.p);
    else printf("lateness: none: the input is a batch, results come at its end\n");
    buf_free(&lateness);
}

void stage_explain(const struct stage *st) {
    explain_time(st);
    if (st->o.where) printf("where: %s\n", st->o.where);
    for (size_t i = 0; i < st->n_required; i++)
        printf("require: %s\n", st->wanted[st->required[i]].path);
    printf("bad input: %s\n", st->o.reject ? st->o.reject : "ends the run with 65");
    const char *checkpoint = stage_checkpoint(st);
    if (checkpoint) printf("checkpoint: %s/%s\n", checkpoint, st->o.id ? st->o.id : st->tool->name);
    if (!st->writes_out) return;
    const char *wire = getenv("EV_WIRE"), *text = checkpoint ? "frames" : "text";
    bool named = wire && *wire;
    bool sure = st->o.wire || (named && (st->is_source || st->o.input.n));
    printf("encoding: %s%s\n", sure ? "" : "as it comes in from another tool, else ",
        st->o.wire ? st->o.wire
        : named    ? wire
                   : text);
}

int stage_explained(struct stage *st) {
    struct err e;
    errno = EIO;
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_DONE;
    int why = errno;
    if (why == EPIPE && io_hooks.reader_left) io_hooks.reader_left();
    err_errno(&e, EXIT_IO, why, "standard output: cannot write");
    stage_fail(st, &e);
}

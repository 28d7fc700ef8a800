#include <stdlib.h>

#include "base/buf.h"
#include "sink/output.h"
#include "sink/sink.h"

struct side {
    struct output *output;
    bool failed; /* a write has, as `why` says */
    struct err why;
};

struct side *side_open(const char *dest, struct err *e) {
    if (strcmp(dest, "-") == 0) {
        err_set(e, EXIT_USAGE, "\"-\" cannot take it, the events go there; name a file");
        return NULL;
    }
    if (!*dest) {
        err_set(e, EXIT_USAGE, "the file has no name");
        return NULL;
    }
    if (dest_is_folder(dest)) {
        err_set(e, EXIT_USAGE, "%s: is a folder; name a file", dest);
        return NULL;
    }
    struct output *output = output_open(dest, slice_ends(slice_of(dest), ".gz"), e);
    if (!output) return NULL;
    struct side *s = mem_zero(1, sizeof *s);
    s->output = output;
    return s;
}

static bool check(struct side *s, bool ok, struct err *e) {
    s->failed = !ok;
    if (!ok) s->why = *e;
    return ok;
}

bool side_write(struct side *s, struct slice lines, struct err *e) {
    return check(s, output_add(s->output, lines, e) && output_flush(s->output, e), e);
}

void side_drop(struct side *s) {
    if (!s) return;
    output_close(s->output);
    free(s);
}

bool side_close(struct side *s, struct err *e) {
    if (!s) return true;
    if (!s->failed) (void)check(s, output_end(s->output, e), e);
    bool ok = (!s->failed || output_cut(s->output)) && output_publish(s->output, e);
    if (s->failed) *e = s->why;
    ok = ok && !s->failed;
    side_drop(s);
    return ok;
}

#include <stdlib.h>

#include "base/buf.h"
#include "sink/appended.h"
#include "sink/output.h"
#include "sink/sink.h"
#include "state/members.h"

struct side {
    struct output *output;     /* or, by epochs: */
    struct appended *appended; /* or NULL */
    bool failed;               /* a write has, as `why` says */
    struct err why;
};

struct side *side_open(const char *dest, int spool, struct err *e) {
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
    bool gzip = slice_ends(slice_of(dest), ".gz");
    struct side s = {.appended = spool >= 0 ? appended_open(dest, gzip, spool, e) : NULL,
        .output = spool >= 0 ? NULL : output_open(dest, gzip, e)};
    if (!s.appended && !s.output) return NULL;
    struct side *side = mem_zero(1, sizeof *side);
    *side = s;
    return side;
}

static bool check(struct side *s, bool ok, struct err *e) {
    s->failed = !ok;
    if (!ok) s->why = *e;
    return ok;
}

static bool append(struct side *s, struct slice lines, struct err *e) {
    buf_add_slice(appended_out(s->appended), lines);
    return appended_drain(s->appended, e);
}

bool side_write(struct side *s, struct slice lines, struct err *e) {
    if (s->appended) return append(s, lines, e);
    return check(s, output_add(s->output, lines, e) && output_flush(s->output, e), e);
}

void side_drop(struct side *s) {
    if (!s) return;
    output_close(s->output);
    appended_close(s->appended);
    free(s);
}

bool side_close(struct side *s, struct err *e) {
    if (!s) return true;
    if (s->appended) {
        appended_fail(s->appended);
        side_drop(s);
        return true;
    }
    if (!s->failed) (void)check(s, output_end(s->output, e), e);
    bool ok = (!s->failed || output_cut(s->output)) && output_publish(s->output, e);
    if (s->failed) *e = s->why;
    ok = ok && !s->failed;
    side_drop(s);
    return ok;
}

bool side_commit(struct side *s, struct err *e) { return appended_publish(s->appended, e); }
bool side_forget(struct side *s, struct err *e) { return appended_drop(s->appended, e); }
bool side_finish(struct side *s, struct err *e) { return appended_finish(s->appended, e); }
struct json_t *side_save(const struct side *s) {
    return appended_save(s->appended);
}
bool side_restore(struct side *s, const struct json_t *saved, struct err *e) {
    return !saved || members_flag(saved, "stream") || appended_restore(s->appended, saved, e);
}
bool side_take_back(const struct json_t *saved, struct err *e) {
    return appended_take_back(saved, e);
}

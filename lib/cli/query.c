#include "cli/query.h"

#include <stdlib.h>

#include "state/members.h"
#include "state/sealed.h"

/* These may change from run to run: when and how much, where to, what is said. */
static const char *const may_change[] = {"checkpoint", "pipeline", "id", "trigger",
    "max-per-trigger", "final", "journal", "reset-state", "output", "input", "reject", "late",
    "dups", "max-reject", "allow-missing", "limit", "rate", "wire", "stats", "explain", "progress",
    "quiet", "verbose", "state-limit"};

static bool is_fixed(const struct option *o) {
    if (o->kind == OPTION_ACTION) return false;
    for (size_t i = 0; i < sizeof may_change / sizeof *may_change; i++)
        if (strcmp(o->name, may_change[i]) == 0) return false;
    return true;
}

static void add_texts(struct buf *out, const struct texts *t) {
    for (size_t i = 0; i < t->n; i++) buf_printf(out, "%s%s", i ? " " : "", t->items[i]);
}

static void write_value(const struct option *o, struct buf *out) {
    switch (o->kind) {
    case OPTION_FLAG:
    case OPTION_NO: buf_adds(out, *(const bool *)o->to ? "true" : "false"); break;
    case OPTION_TEXT:
        buf_adds(out, *(const char *const *)o->to ? *(const char *const *)o->to : "");
        break;
    case OPTION_LIST: add_texts(out, o->to); break;
    case OPTION_DURATION:
        if (!o->given || *o->given) buf_add_duration(out, *(const int64_t *)o->to);
        break;
    default:
        if (!o->given || *o->given) buf_printf(out, "%lld", (long long)*(const int64_t *)o->to);
    }
}

/* EV_TIME and EV_LATENESS count where the stage itself takes the times. */
static void add_environment(const struct stage *st, struct json_t *q) {
    if (!st->needs_time || st->stream_time.field) return;
    if (st->o.time) members_set_text(q, "time", slice_of(st->o.time));
    if (!st->o.has_lateness) return;
    struct buf value = {0};
    buf_add_duration(&value, st->o.lateness);
    members_set_text(q, "lateness", buf_slice(&value));
    buf_free(&value);
}

static struct json_t *describe(const struct stage *st) {
    struct json_t *q = members_new();
    struct buf value = {0};
    for (size_t g = 0; g < st->tool->n_groups; g++)
        for (size_t i = 0; i < st->tool->groups[g].n; i++) {
            const struct option *o = &st->tool->groups[g].options[i];
            if (!is_fixed(o)) continue;
            value.n = 0;
            write_value(o, &value);
            members_set_text(q, o->name, buf_slice(&value));
        }
    value.n = 0;
    if (st->operands_are_query) add_texts(&value, &st->operands);
    members_set_text(q, "operands", buf_slice(&value));
    members_set_text(q, "tool", slice_of(st->tool->name));
    add_environment(st, q);
    buf_free(&value);
    return q;
}

/* The first that differs. */
static bool differs(const struct json_t *was, const struct json_t *is, const char *name,
    const char *shown, struct err *e) {
    struct slice a = members_text(was, name), b = members_text(is, name);
    if (slice_eq(a, b)) return false;
    err_set(e, EXIT_CONFIG,
        "the checkpoint is that of another query: %s was %s and is %s; run that one, give this one "
        "a checkpoint of its own, or begin anew with --reset-state",
        shown, a.n ? QUOTED(a) : "not given", b.n ? QUOTED(b) : "not given");
    return true;
}

/* The environment may stand for these, where the stream has no times of its own. */
static bool is_of_times(const struct option *o) {
    return strcmp(o->name, "time") == 0 || strcmp(o->name, "lateness") == 0;
}

static bool is_same(const struct stage *st, const struct json_t *was, const struct json_t *is,
    bool with_times, struct err *e) {
    if (differs(was, is, "tool", "the tool", e)) return false;
    for (size_t g = 0; g < st->tool->n_groups; g++)
        for (size_t i = 0; i < st->tool->groups[g].n; i++) {
            const struct option *o = &st->tool->groups[g].options[i];
            char shown[64];
            snprintf(shown, sizeof shown, "--%s", o->name);
            bool counts = is_fixed(o) && (with_times || !is_of_times(o));
            if (counts && differs(was, is, o->name, shown, e)) return false;
        }
    return !differs(was, is, "operands", "the list of aggregates", e);
}

/* Takes both; was: NULL where there is none to compare with. */
static bool compare(
    const struct stage *st, struct json_t *was, struct json_t *is, bool with_times, struct err *e) {
    bool ok = !was || is_same(st, was, is, with_times, e);
    members_free(was);
    members_free(is);
    return ok;
}

bool query_check(const struct stage *st, const struct checkpoint *c, bool recorded, struct err *e) {
    struct json_t *is = describe(st);
    if (!recorded)
        return sealed_write(c->folder, "query", 1, is, e) || err_at(e, "%s/%s", c->path, c->id);
    struct json_t *was = sealed_read(c->folder, "query", 1, e);
    bool found = was || err_at(e, "%s/%s", c->path, c->id);
    return compare(st, was, is, true, e) && found;
}

bool query_check_early(
    const struct stage *st, const struct checkpoint *c, bool with_times, struct err *e) {
    struct err ignored;
    return compare(st, sealed_read(c->folder, "query", 1, &ignored), describe(st), with_times, e);
}

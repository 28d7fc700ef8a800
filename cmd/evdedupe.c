/* evdedupe - pass on one event of each key; evdedupe(1). */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/fields.h"
#include "cli/stage.h"
#include "expr/value.h"
#include "json/path.h"
#include "op/last.h"
#include "op/seen.h"
#include "state/members.h"

static struct {
    struct texts key;
    const char *keep, *version_field, *late, *dups;
    int64_t within, allowed_lateness;
    bool has_within, has_allowed_lateness;
} o;
static struct stage st = {
    .writes_out = true, .books = {.result = "passed", .finds_duplicates = true}};

static const struct option options[] = {
    {"key", .kind = OPTION_LIST, .arg = "A,B", .help = "fields that are alike in duplicates",
        .to = &o.key},
    {"within", .kind = OPTION_DURATION, .arg = "D",
        .help = "only so far from the first in event time", .to = &o.within,
        .given = &o.has_within},
    {"keep", .kind = OPTION_TEXT, .arg = "W", .help = "first: what comes first; last: the newest",
        .to = &o.keep, .hint = HINT_WORDS, .words = "first last"},
    {"version-field", .kind = OPTION_TEXT, .arg = "FIELD",
        .help = "of --keep last: the newest has the highest", .to = &o.version_field},
    {"allowed-lateness", .kind = OPTION_DURATION, .arg = "D",
        .help = "events behind the watermark up to this pass; as --within",
        .to = &o.allowed_lateness, .given = &o.has_allowed_lateness},
    {"late", .kind = OPTION_TEXT, .arg = "DEST", .help = "where later events go", .to = &o.late,
        .hint = HINT_FILE},
    {"dups", .kind = OPTION_TEXT, .arg = "DEST", .help = "where duplicates go", .to = &o.dups,
        .hint = HINT_FILE},
    STAGE_WIRE_OPTION,
    STAGE_INPUT_OPTION,
};

static struct option_group groups[6];
static const struct tool tool = {
    .name = "evdedupe",
    .summary = "pass on one event of each key",
    .synopsis = "[options] --key A,B",
    .example = "evdedupe --key event_id --within 20m --time event_ts --lateness 1m < orders.ndjson",
    .groups = groups,
    .n_groups = 6,
};

static int *key_fields;
static size_t n_key_fields;
static struct buf key;
static bool keeps_last;
static int version_field = -1;
static struct buf version;
static int at_field; /* of the key or the version, where it is being made */

/* ---- the command line ---- */

static void add_key_field(struct stage *s, void *ctx, const struct json_path *path) {
    (void)ctx;
    key_fields = mem_grow(key_fields, n_key_fields + 1, sizeof *key_fields);
    key_fields[n_key_fields++] = stage_want_path(s, path, "--key");
}

static void parse_keep(void) {
    struct json_path path;
    struct err e;
    keeps_last = o.keep && strcmp(o.keep, "last") == 0;
    st.books.holds = st.takes_time = keeps_last;
    if (o.version_field && !keeps_last) stage_usage(&st, "--version-field needs --keep last");
    if (!o.version_field) return;
    bool ok = json_path_parse(slice_of(o.version_field), &path, &e);
    stage_must(&st, ok || err_at(&e, "--version-field"), &e);
    version_field = stage_want_path(&st, &path, "--version-field");
    json_path_free(&path);
}

static void parse(void) {
    if (st.operands.n) stage_usage(&st, "reads standard input or -i SOURCE; found an operand");
    if (!o.key.n)
        stage_usage(&st, "which events are alike? --key FIELD says it, like --key event_id");
    for (size_t i = 0; i < o.key.n; i++)
        fields_each(&st, o.key.items[i], "--key", add_key_field, NULL);
    if (o.has_within && !o.within) stage_usage(&st, "--within: must be longer than 0");
    if (o.has_allowed_lateness && !o.has_within)
        stage_usage(&st, "--allowed-lateness needs --within");
    if (o.late && !o.has_within)
        stage_usage(&st, "--late needs --within: without it every event counts");
    parse_keep();
    if (!o.has_allowed_lateness) o.allowed_lateness = o.within;
    st.needs_time = st.needs_time || o.has_within || (keeps_last && !o.version_field);
    stage_need_time(&st, st.o.input);
}

/* Rows come out so long after the time of the first of their span, and may be so much older than that. */
static int64_t delay(void) { return time_add(o.within, o.allowed_lateness); }

static void explain_hold(struct buf *text) {
    buf_adds(text, "\nhold: the watermark is passed on ");
    if (!keeps_last) {
        buf_adds(text, "as it is\n");
    } else if (!o.has_within) {
        buf_adds(text, "at the end only\n");
    } else {
        buf_adds(text, "minus "), buf_add_duration(text, time_add(delay(), o.within));
        buf_addc(text, '\n');
    }
}

static void explain(void) {
    stage_explain(&st);
    printf("key:");
    for (size_t i = 0; i < n_key_fields; i++)
        printf("%s %s", i ? "," : "", st.wanted[key_fields[i]].path);
    struct buf text = {0};
    if (o.has_within) {
        buf_adds(&text, "\nwithin: "), buf_add_duration(&text, o.within);
        buf_adds(&text, "\nallowed lateness: "), buf_add_duration(&text, o.allowed_lateness);
    } else {
        buf_adds(&text, "\nwithin: the whole input");
    }
    if (keeps_last)
        buf_printf(&text, "\nkeep: last, by %s%sevent time, then bytes\nrows: ordered by %s",
            o.version_field ? o.version_field : "", o.version_field ? ", then " : "",
            o.has_within ? "the first event of their span, then key"
                         : "the first event of their key");
    explain_hold(&text);
    fwrite(text.p, 1, text.n, stdout);
    buf_free(&text);
}

/* ---- events ---- */

/* Events wait for a few others, so that the places of their keys come into the cache together. */
enum { WAITING = 32 };
static struct {
    struct event event; /* its text lies in `texts` from text_at */
    struct hash128 key;
    size_t text_at;
} waiting[WAITING];
static struct buf texts;
static struct seen seen;
static uint64_t seed;

/* An event may be late, its key might be forgotten already. */
static bool is_late(const struct event *ev) {
    return o.has_within && ev->watermark != TIME_NONE &&
           ev->time < time_add(ev->watermark, -o.allowed_lateness);
}

/* A first event at this time or before it is forgotten, as the watermark stands. */
static int64_t forgotten(int64_t watermark) {
    if (!o.has_within || watermark == TIME_NONE) return INT64_MIN;
    return time_add(watermark, -delay());
}

static void pass(const struct event *ev) {
    struct err e;
    st.books.results++;
    buf_add_slice(out_begin(&st.out, ev->time, ev->watermark), ev->text);
    stage_must(&st, out_end(&st.out, &e), &e);
}

/* Each key that is new goes into the checkpoint when it comes. */
static void remember(const struct hash128 *k, int64_t time) {
    struct err e;
    struct state *state = stage_state(&st);
    struct state_entry entry = {.time = time, .key = {(const char *)k, sizeof *k}};
    if (state) stage_must(&st, state_put(state, &entry, &e), &e);
}

static void decide(const struct event *ev, const struct hash128 *k) {
    if (is_late(ev)) {
        stage_late(&st, ev, TIME_NONE, ev->watermark - ev->time);
        return;
    }
    int64_t time = o.has_within ? ev->time : 0, within = o.has_within ? o.within : INT64_MAX;
    if (seen_before(&seen, k, time, within, forgotten(ev->watermark))) {
        stage_duplicate(&st, ev);
        return;
    }
    remember(k, time);
    pass(ev);
}

static void settle(struct stage *s) {
    for (size_t i = 0, n = s->waiting; i < n; i++) {
        waiting[i].event.text.p = texts.p + waiting[i].text_at;
        s->waiting--;
        decide(&waiting[i].event, &waiting[i].key);
    }
    texts.n = 0;
}

static bool make_key(const struct event *ev, struct err *e) {
    key.n = st.scratch.n = 0;
    for (size_t i = 0; i < n_key_fields; i++) {
        at_field = key_fields[i];
        if (!key_add_field(&key, &ev->fields[at_field], &st.scratch, e))
            return err_at(e, "%s", st.wanted[at_field].path);
    }
    return true;
}

static bool takes(struct stage *s, const struct event *ev, struct err *e) {
    (void)s;
    return make_key(ev, e);
}

/* The field that make_key() came to has no value for a key. */
static void reject(const struct event *ev, struct err *e) {
    stage_reject(&st, ev, "bad_value", st.wanted[at_field].path, &ev->fields[at_field], e);
}

static void take(const struct event *ev) {
    struct hash128 k = hash_identity(key.p, key.n, seed);
    seen_prefetch(&seen, k);
    waiting[st.waiting].event = *ev;
    waiting[st.waiting].key = k;
    waiting[st.waiting].text_at = texts.n;
    buf_add_slice(&texts, ev->text);
    if (++st.waiting == WAITING) settle(&st);
}

/* ---- the last of each key ---- */

static struct last *last;
static bool has_watermarks, ended;

#define ALL_SPANS (INT64_MAX - 1) /* last_first() of none is one more */

/* A span that is open has begun behind what is forgotten, and its row is less than --within older. */
static int64_t holds(struct stage *s, int64_t watermark) {
    (void)s;
    if (!o.has_within || watermark == TIME_NONE) return TIME_NONE;
    return time_add(forgotten(watermark), -o.within);
}

/* The watermark of a row goes by its span, so that it is the same whenever it is found due: those behind it are of
 * later spans. At the end, when all are due, it is not above what the stage says of itself: a later run that finds
 * nothing left to do says just that. */
static void pass_due(int64_t upto, int64_t watermark) {
    bool marks = has_watermarks && o.has_within;
    int64_t most = holds(&st, watermark);
    for (int64_t at; (at = last_first(last)) <= upto;) {
        struct last_row row;
        int64_t mark = marks ? time_add(at, -o.within) : TIME_NONE;
        last_take(last, &row);
        st.books.open--;
        pass(&(struct event){
            .text = row.text, .time = row.time, .watermark = mark < most ? mark : most});
    }
}

static void settle_last(struct stage *s) {
    int64_t watermark = stage_reached(s);
    pass_due(forgotten(watermark), watermark);
}

static bool add_version(const struct json_field *f, struct err *e) {
    if (f->kind == JSON_OBJECT || f->kind == JSON_ARRAY)
        return err_set(e, EXIT_BAD_DATA, "an object or array is no version");
    return key_add_field(&version, f, &st.scratch, e);
}

static bool make_row(const struct event *ev, struct err *e) {
    if (!make_key(ev, e)) return false;
    version.n = 0;
    if (version_field < 0) return true;
    at_field = version_field;
    return add_version(&ev->fields[at_field], e) || err_at(e, "%s", st.wanted[at_field].path);
}

static bool takes_row(struct stage *s, const struct event *ev, struct err *e) {
    (void)s;
    return make_row(ev, e);
}

/* Without --within keys lie in the order of their first events. */
static void take_row(const struct event *ev) {
    pass_due(forgotten(ev->watermark), ev->watermark);
    if (is_late(ev)) {
        stage_late(&st, ev, TIME_NONE, ev->watermark - ev->time);
        return;
    }
    struct last_row loser, row = {buf_slice(&version), ev->time, ev->text, ev->source, ev->line};
    int64_t at = o.has_within ? ev->time : (int64_t)st.books.in;
    int64_t within = o.has_within ? o.within : INT64_MAX;
    if (last_put(last, buf_slice(&key), at, within, &row, &loser))
        stage_duplicate(
            &st, &(struct event){.text = loser.text, .source = loser.source, .line = loser.line});
    else st.books.open++;
}

static void left_open(struct stage *s, struct buf *out) {
    size_t n = last_spans(last);
    (void)s;
    if (n) buf_printf(out, "%zu %s still held", n, n == 1 ? "row is" : "rows are");
}

static void hint(struct stage *s, struct buf *out) {
    (void)s;
    if (!o.has_within) buf_adds(out, "--keep last without --within passes rows on at the end");
    else if (!has_watermarks) buf_adds(out, "without --lateness rows come out at the end");
    else
        buf_adds(
            out, "rows come out once the watermark is --within and --allowed-lateness behind them");
}

/* ---- from run to run ---- */

static const enum state_kind tables[] = {STATE_SET};

static bool load(struct stage *s, const struct state_entry *entry, struct err *e) {
    struct hash128 k;
    (void)s;
    if (entry->key.n != sizeof k) return err_set(e, EXIT_CONFIG, "holds what is no key");
    memcpy(&k, entry->key.p, sizeof k);
    (void)seen_before(&seen, &k, entry->time, 0, INT64_MIN);
    return true;
}

/* Keys are known by their hash, so its seed stays. */
static bool restore(struct stage *s, const struct json_t *saved, struct err *e) {
    (void)s, (void)e;
    if (saved) seed = members_hash(saved, "seed");
    return true;
}

static bool save(struct stage *s, struct state *state, struct json_t **saved, struct err *e) {
    int64_t gone = forgotten(stage_watermark(s));
    (void)e;
    if (gone != INT64_MIN) state_forget(state, 0, gone + 1);
    *saved = members_new();
    members_set_hash(*saved, "seed", seed);
    return true;
}

static size_t remembers(struct stage *s) {
    (void)s;
    return seen_bytes(&seen);
}

static const struct stage_keeps keeps = {tables, 1, load, restore, save};

static const enum state_kind last_tables[] = {STATE_MAP};

static bool load_last(struct stage *s, const struct state_entry *entry, struct err *e) {
    (void)s;
    struct last_entry in = {entry->time, entry->key, entry->value};
    return last_load(last, &in) || err_set(e, EXIT_CONFIG, "holds what is no row");
}

static bool restore_last(struct stage *s, const struct json_t *saved, struct err *e) {
    (void)s, (void)saved, (void)e;
    last_track(last);
    return true;
}

struct putting {
    struct state *state;
    struct err *e;
};

static bool put(void *ctx, const struct last_entry *entry) {
    struct putting *to = ctx;
    struct state_entry out = {0, entry->at, entry->key, entry->value};
    return state_put(to->state, &out, to->e);
}

static bool save_last(struct stage *s, struct state *state, struct json_t **saved, struct err *e) {
    int64_t gone = ended ? ALL_SPANS : forgotten(stage_reached(s));
    *saved = members_new();
    if (gone != INT64_MIN) state_forget(state, 0, gone + 1);
    return last_save(last, put, &(struct putting){state, e});
}

static size_t last_remembers(struct stage *s) {
    (void)s;
    return last_bytes(last);
}

static const struct stage_keeps last_keeps = {last_tables, 1, load_last, restore_last, save_last};

static void check_watermarks(void) {
    if (o.late && !stage_has_watermarks(&st))
        stage_usage(&st, "--late needs --lateness: without a watermark no event is late");
}

static void prepare_first(void) {
    seed = hash_seed();
    seen_init(&seen, o.has_within);
    st.takes = takes;
    st.batch = settle;
    st.keeps = &keeps;
    st.remembers = remembers;
}

static void pass_first(void) {
    struct event ev;
    struct err e;
    while (stage_next(&st, &ev)) {
        if (make_key(&ev, &e)) take(&ev);
        else reject(&ev, &e);
    }
    stage_check(&st);
}

static void prepare_last(void) {
    last = last_new(hash_seed());
    st.takes = takes_row;
    st.batch = settle_last;
    st.keeps = &last_keeps;
    st.remembers = last_remembers;
    st.holds = holds;
    st.left_open = left_open;
    st.hint = hint;
}

static void pass_last(void) {
    struct event ev;
    struct err e;
    has_watermarks = inputs_has_watermarks(st.inputs);
    while (stage_next(&st, &ev)) {
        if (make_row(&ev, &e)) take_row(&ev);
        else reject(&ev, &e);
    }
    stage_check(&st);
    pass_due(ALL_SPANS, stage_reached(&st));
    ended = true;
}

int main(int argc, char **argv) {
    memcpy(groups,
        (struct option_group[]){{"duplicates", options, sizeof options / sizeof *options},
            stage_time_group, stage_event_group, stage_input_group, stage_checkpoint_group,
            stage_common_group},
        sizeof groups);
    stage_start(&st, &tool, argc, argv);
    parse();
    if (st.o.explain) return explain(), stage_explained(&st);
    st.aside_dest[ASIDE_LATE] = o.late;
    st.aside_dest[ASIDE_DUPS] = o.dups;
    keeps_last ? prepare_last() : prepare_first();
    stage_open(&st, st.o.input);
    check_watermarks();
    keeps_last ? pass_last() : pass_first();
    return stage_end(&st);
}

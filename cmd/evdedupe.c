/* evdedupe - pass on the first event of each key; evdedupe(1). */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/fields.h"
#include "cli/stage.h"
#include "expr/value.h"
#include "op/seen.h"
#include "state/members.h"

static struct {
    struct texts key;
    const char *late, *dups;
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
    .summary = "pass on the first event of each key",
    .synopsis = "[options] --key A,B",
    .example = "evdedupe --key event_id --within 20m --time event_ts --lateness 1m < orders.ndjson",
    .groups = groups,
    .n_groups = 6,
};

static int *key_fields;
static size_t n_key_fields;
static struct buf key;
static int at_field; /* of the key, where it is being made */

/* ---- the command line ---- */

static void add_key_field(struct stage *s, void *ctx, const struct json_path *path) {
    (void)ctx;
    key_fields = mem_grow(key_fields, n_key_fields + 1, sizeof *key_fields);
    key_fields[n_key_fields++] = stage_want_path(s, path, "--key");
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
    if (!o.has_allowed_lateness) o.allowed_lateness = o.within;
    st.needs_time = st.needs_time || o.has_within;
    stage_need_time(&st, st.o.input);
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
    buf_adds(&text, "\nhold: the watermark is passed on as it is\n");
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
    return time_add(time_add(watermark, -o.within), -o.allowed_lateness);
}

static void pass(const struct event *ev) {
    struct err e;
    st.books.results++;
    buf_add_slice(out_begin(&st.out, ev->time, ev->watermark), ev->text);
    stage_must(&st, out_end(&st.out, &e), &e);
}

/* Each key that is new goes into the checkpoint when it comes. */
static void remember(struct hash128 k, int64_t time) {
    struct err e;
    struct state *state = stage_state(&st);
    struct state_entry entry = {.time = time, .key = {(const char *)&k, sizeof k}};
    if (state) stage_must(&st, state_put(state, &entry, &e), &e);
}

static void decide(const struct event *ev, struct hash128 k) {
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
        decide(&waiting[i].event, waiting[i].key);
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

/* ---- from run to run ---- */

static const enum state_kind tables[] = {STATE_SET};

static bool load(struct stage *s, const struct state_entry *entry, struct err *e) {
    struct hash128 k;
    (void)s;
    if (entry->key.n != sizeof k) return err_set(e, EXIT_CONFIG, "holds what is no key");
    memcpy(&k, entry->key.p, sizeof k);
    (void)seen_before(&seen, k, entry->time, 0, INT64_MIN);
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

static void check_watermarks(void) {
    if (o.late && !inputs_has_watermarks(st.inputs))
        stage_usage(&st, "--late needs --lateness: without a watermark no event is late");
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
    seed = hash_seed();
    seen_init(&seen, o.has_within);
    st.aside_dest[ASIDE_LATE] = o.late;
    st.aside_dest[ASIDE_DUPS] = o.dups;
    st.takes = takes;
    st.batch = settle;
    st.keeps = &keeps;
    st.remembers = remembers;
    stage_open(&st, st.o.input);
    check_watermarks();

    struct event ev;
    struct err e;
    while (stage_next(&st, &ev)) {
        if (make_key(&ev, &e)) take(&ev);
        else reject(&ev, &e);
    }
    stage_check(&st);
    return stage_end(&st);
}

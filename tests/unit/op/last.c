#include "op/last.h"

#include "base/buf.h"
#include "check.h"

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 11;
}

static struct last_row row(const char *version, int64_t time, const char *text) {
    return (struct last_row){slice_of(version), time, slice_of(text), "in.ndjson", 7};
}

/* What has lost, or "" where the row has opened a span. */
static const char *put(struct last *l, const char *key, int64_t at, const char *version,
    int64_t time, const char *text) {
    static char lost[64];
    struct last_row in = row(version, time, text), loser;
    bool has_lost = last_put(l, slice_of(key), at, 10, &in, &loser);
    snprintf(lost, sizeof lost, "%.*s", has_lost ? (int)loser.text.n : 0, loser.text.p);
    return lost;
}

static const char *take(struct last *l) {
    static char text[64];
    struct last_row out;
    last_take(l, &out);
    snprintf(text, sizeof text, "%.*s", (int)out.text.n, out.text.p);
    return text;
}

static void the_highest_stays(void) {
    struct last *l = last_new(1);
    CHECK_STR(put(l, "k", 100, "2", 5, "two"), "");
    CHECK_STR(put(l, "k", 101, "1", 9, "one"), "one");
    CHECK_STR(put(l, "k", 102, "2", 4, "earlier"), "earlier");
    CHECK_STR(put(l, "k", 102, "2", 6, "later"), "two");
    CHECK_STR(put(l, "k", 103, "2", 6, "later"), "later");
    CHECK_STR(put(l, "k", 103, "2", 6, "latest"), "later");
    CHECK_STR(put(l, "k", 104, "3", 0, "three"), "latest");
    CHECK(last_spans(l) == 1 && last_first(l) == 100);
    CHECK_STR(take(l), "three");
    CHECK(last_spans(l) == 0 && last_first(l) == INT64_MAX);
    last_free(l);
}

static void who_has_lost_is_told_whole(void) {
    struct last *l = last_new(1);
    struct last_row loser, a = {slice_of(""), 5, slice_of("a"), "one.ndjson", 3},
                           b = {slice_of(""), 6, slice_of("b"), "two.ndjson", 4};
    CHECK(!last_put(l, slice_of("k"), 0, 10, &a, &loser));
    CHECK(last_put(l, slice_of("k"), 0, 10, &b, &loser));
    CHECK_STR(loser.source, "one.ndjson");
    CHECK(loser.line == 3 && loser.time == 5 && slice_is(loser.text, "a"));
    CHECK(last_put(l, slice_of("k"), 0, 10, &a, &loser));
    CHECK_STR(loser.source, "one.ndjson");
    last_take(l, &loser);
    CHECK_STR(loser.source, "two.ndjson");
    CHECK(loser.line == 4);
    last_free(l);
}

static void a_span_counts_from_the_first_on_both_sides(void) {
    struct last *l = last_new(1);
    CHECK_STR(put(l, "k", 100, "", 100, "a"), "");
    CHECK_STR(put(l, "k", 91, "", 91, "b"), "b");
    CHECK_STR(put(l, "k", 109, "", 109, "c"), "a");
    CHECK_STR(put(l, "k", 110, "", 110, "d"), "");  /* not extended by c */
    CHECK_STR(put(l, "k", 105, "", 105, "e"), "e"); /* near both: of the earlier one */
    CHECK_STR(put(l, "k", 90, "", 90, "f"), "");
    CHECK_STR(put(l, "j", 100, "", 100, "g"), "");
    CHECK(last_spans(l) == 4);
    CHECK_STR(take(l), "f");
    CHECK_STR(take(l), "g"); /* of one place the lower key */
    CHECK_STR(take(l), "c");
    CHECK_STR(take(l), "d");
    last_free(l);
}

/* Rows that are held, with what they were taken for. */
struct held {
    int64_t at, time;
    uint64_t key, text;
};

struct list {
    struct held *of;
    size_t n;
};

/* True: a row has lost. */
static bool list_put(struct list *l, const struct held *in, int64_t within) {
    struct held *found = NULL;
    for (size_t i = 0; i < l->n; i++)
        if (l->of[i].key == in->key && llabs(l->of[i].at - in->at) < within)
            if (!found || l->of[i].at < found->at) found = &l->of[i];
    if (!found) {
        l->of[l->n++] = *in;
        return false;
    }
    bool higher = in->time != found->time ? in->time > found->time : in->text > found->text;
    if (higher) found->time = in->time, found->text = in->text;
    return true;
}

static struct held list_take(struct list *l) {
    size_t least = 0;
    for (size_t i = 1; i < l->n; i++)
        if (l->of[i].at < l->of[least].at ||
            (l->of[i].at == l->of[least].at && l->of[i].key < l->of[least].key))
            least = i;
    struct held out = l->of[least];
    l->of[least] = l->of[--l->n];
    return out;
}

static int64_t list_first(const struct list *l) {
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < l->n; i++)
        if (l->of[i].at < first) first = l->of[i].at;
    return first;
}

/* ---- what is saved: the newest value of each place ---- */

enum { PLACES = 4096 };
struct saved {
    struct {
        int64_t at;
        char key[8];
        struct buf value;
    } of[PLACES];
    size_t n, puts;
    int64_t last_at;
    char last_key[8];
};

static bool save(void *ctx, const struct last_entry *entry) {
    struct saved *s = ctx;
    size_t i = 0;
    int order = memcmp(s->last_key, entry->key.p, sizeof s->last_key);
    if (s->puts++ && (entry->at < s->last_at || (entry->at == s->last_at && order >= 0)))
        CHECK(!"in order");
    s->last_at = entry->at;
    memcpy(s->last_key, entry->key.p, sizeof s->last_key);
    while (i < s->n && (s->of[i].at != entry->at || memcmp(s->of[i].key, entry->key.p, 8) != 0))
        i++;
    if (i == s->n) s->n++;
    s->of[i].at = entry->at;
    memcpy(s->of[i].key, entry->key.p, 8);
    s->of[i].value.n = 0;
    buf_add_slice(&s->of[i].value, entry->value);
    return true;
}

/* As state_forget() does. */
static void forget(struct saved *s, int64_t before) {
    for (size_t i = s->n; i-- > 0;) {
        if (s->of[i].at >= before) continue;
        struct buf gone = s->of[i].value;
        s->of[i] = s->of[--s->n];
        s->of[s->n].value = gone;
    }
}

static struct last *reload(struct saved *s) {
    struct last *l = last_new(next_random(&(uint64_t){s->n}));
    for (size_t i = 0; i < s->n; i++)
        CHECK(last_load(
            l, &(struct last_entry){s->of[i].at, {s->of[i].key, 8}, buf_slice(&s->of[i].value)}));
    last_track(l);
    return l;
}

static void key_bytes(char out[8], uint64_t n) {
    for (int i = 0; i < 8; i++) out[i] = (char)(n >> (56 - 8 * i));
}

/* Random keys and times against a plain list, with a time that goes on, saved and loaded on the way. */
static void it_is_what_a_list_would_say(void) {
    enum { EVENTS = 30000, KEYS = 60, WITHIN = 50, KEEP = 80 };
    struct last *l = last_new(3);
    struct list list = {.of = mem_zero(EVENTS, sizeof *list.of)};
    struct saved *saved = mem_zero(1, sizeof *saved);
    uint64_t random = 5;
    last_track(l);
    for (int64_t i = 0; i < EVENTS; i++) {
        int64_t now = i / 4, time = now - 20 + (int64_t)(next_random(&random) % 40);
        struct held in = {time, time, next_random(&random) % KEYS, 1000 + next_random(&random) % 9};
        char key[8], text[32];
        struct last_row loser, r, out;
        while (last_first(l) <= now - KEEP || list_first(&list) <= now - KEEP) {
            struct held want = list_take(&list);
            last_take(l, &out);
            if (out.time != want.time || strtoull(out.text.p, NULL, 10) != want.text)
                CHECK(!"as the list");
        }
        key_bytes(key, in.key);
        snprintf(text, sizeof text, "%llu", (unsigned long long)in.text);
        r = row("", time, text);
        bool lost = last_put(l, (struct slice){key, 8}, time, WITHIN, &r, &loser);
        if (lost != list_put(&list, &in, WITHIN)) CHECK(!"as the list");
        if (i % 1000 == 999) {
            saved->puts = 0;
            CHECK(last_save(l, save, saved));
            CHECK(saved->puts <= last_spans(l));
            forget(saved, now - KEEP + 1);
            CHECK(saved->n == last_spans(l));
            last_free(l);
            l = reload(saved);
            CHECK(last_spans(l) == list.n);
        }
    }
    CHECK(last_spans(l) == list.n && list.n > 30);
    saved->puts = 0;
    CHECK(last_save(l, save, saved)); /* only what has changed since */
    saved->puts = 0;
    CHECK(last_save(l, save, saved) && saved->puts == 0);
    for (size_t i = 0; i < PLACES; i++) buf_free(&saved->of[i].value);
    free(saved);
    free(list.of);
    last_free(l);
}

static void what_is_damaged_is_no_row(void) {
    struct last *l = last_new(1);
    struct saved *saved = mem_zero(1, sizeof *saved);
    struct last_row loser, r = row("v", 5, "text");
    last_track(l);
    last_put(l, (struct slice){"12345678", 8}, 4, 10, &r, &loser);
    CHECK(last_save(l, save, saved) && saved->n == 1);
    last_free(l);
    l = last_new(2);
    struct slice whole = buf_slice(&saved->of[0].value);
    struct last_entry entry = {4, {"12345678", 8}, whole};
    for (size_t n = 0; n < whole.n; n++) {
        entry.value.n = n;
        CHECK(!last_load(l, &entry));
    }
    entry.value = whole;
    CHECK(last_load(l, &entry));
    CHECK(!last_load(l, &entry)); /* twice */
    last_take(l, &loser);
    CHECK(loser.time == 5 && loser.line == 7 && slice_is(loser.version, "v"));
    CHECK(slice_is(loser.text, "text"));
    CHECK_STR(loser.source, "in.ndjson");
    buf_free(&saved->of[0].value);
    free(saved);
    last_free(l);
}

/* Many keys that come and go, with texts of all lengths. */
static void memory_goes_with_the_spans(void) {
    struct last *l = last_new(1);
    static char text[2000];
    uint64_t random = 9;
    size_t empty = 0;
    memset(text, 'x', sizeof text);
    for (uint64_t i = 0; i < 40000; i++) {
        struct last_row loser, r = {.time = (int64_t)i,
                                   .text = {text, next_random(&random) % sizeof text},
                                   .source = "-"};
        char key[8];
        key_bytes(key, i % 3 ? i : i / 2);
        last_put(l, (struct slice){key, 8}, (int64_t)i, INT64_MAX, &r, &loser);
        if (i == 20000) {
            CHECK(last_bytes(l) > last_spans(l) * 1000 && last_bytes(l) < last_spans(l) * 1400);
            while (last_spans(l)) last_take(l, &loser);
            empty = last_bytes(l);
        }
    }
    struct last_row out;
    while (last_spans(l)) last_take(l, &out);
    CHECK(last_bytes(l) <= empty + empty / 2);
    last_free(l);
}

int main(void) {
    RUN(the_highest_stays);
    RUN(who_has_lost_is_told_whole);
    RUN(a_span_counts_from_the_first_on_both_sides);
    RUN(it_is_what_a_list_would_say);
    RUN(what_is_damaged_is_no_row);
    RUN(memory_goes_with_the_spans);
    return check_done();
}

/* What an operator saves comes back as it was, and goes on as if nothing had happened. */
#include "base/timestamp.h"
#include "check.h"
#include "op/table.h"
#include "op/window.h"

static uint64_t random_state = 1;
static uint64_t draw(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545F4914F6CDD1D) >> 11;
}
static uint64_t below(uint64_t n) { return draw() % n; }

static const enum aggregate_kind all_kinds[] = {
    AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX, AGG_FIRST, AGG_LAST};
enum { ALL = sizeof all_kinds / sizeof *all_kinds };

/* ---- marks of a table ---- */

static void marks_are_taken_once_and_in_order(void) {
    for (uint32_t n = 1; n <= 5000; n = n * 2 + n % 7) {
        struct table t = {.size = 8};
        bool marked[12000] = {0};
        CHECK(table_take_mark(&t, 0) == TABLE_NONE);
        for (int round = 0; round < 3; round++) {
            /* Marks grow with the table, also beyond what there was when the first was set. */
            for (uint32_t i = 0; i < n; i++) table_add(&t, t.n + 1);
            for (uint32_t i = 0; i < n; i++) {
                uint32_t g = (uint32_t)below(t.n);
                table_mark(&t, g);
                marked[g] = true;
            }
            table_mark(&t, t.n - 1);
            marked[t.n - 1] = true;
            uint32_t expected = 0;
            for (uint32_t g = 0; (g = table_take_mark(&t, g)) != TABLE_NONE; g++) {
                while (expected < t.n && !marked[expected]) expected++;
                CHECK(g == expected && g < t.n);
                expected = g + 1;
                marked[g] = false;
            }
            for (uint32_t g = 0; g < t.n; g++) CHECK(!marked[g]);
            CHECK(table_take_mark(&t, 0) == TABLE_NONE);
        }
        table_free(&t);
    }
}

/* ---- groups of aggregates ---- */

static struct value random_number(char text[static 100]) {
    static const char *const odd[] = {"0", "-0", "1e37", "-1e-38", "0.1", "9223372036854775807",
        "99999999999999999999999999999999999999", "12.345678901", "549755813887", "-549755813888"};
    struct value v = {.kind = VALUE_NUMBER};
    switch (below(4)) {
    case 0: snprintf(text, 100, "%s", odd[below(sizeof odd / sizeof *odd)]); break;
    case 1: snprintf(text, 100, "%d", (int)below(2000) - 1000); break;
    case 2: snprintf(text, 100, "%d.%02d", (int)below(100000) - 50000, (int)below(100)); break;
    default:
        snprintf(text, 100, "-%llu%llu.%llu", (unsigned long long)draw(),
            (unsigned long long)below(1000000), (unsigned long long)draw());
    }
    CHECK(decimal_parse(slice_of(text), &v.number));
    return v;
}

/* Of what sums do not take, only the others get any. */
static struct value random_value(char text[static 100], bool any) {
    if (!any || below(2)) return random_number(text);
    if (below(8) == 0) return (struct value){.kind = below(2) ? VALUE_TRUE : VALUE_FALSE};
    if (below(8) == 0) return (struct value){.kind = VALUE_TIME, .us = (int64_t)draw()};
    if (below(8) == 0) return (struct value){.kind = VALUE_DURATION, .us = (int64_t)draw()};
    size_t n = below(10) ? below(5) : below(100);
    for (size_t i = 0; i < n; i++) text[i] = (char)('a' + below(3));
    return (struct value){.kind = VALUE_STRING, .text = {text, n}};
}

struct kinds {
    enum aggregate_kind of[12];
    size_t n;
};

static struct kinds random_kinds(void) {
    struct kinds k = {.n = 1 + below(12)};
    for (size_t i = 0; i < k.n; i++) k.of[i] = all_kinds[below(ALL)];
    return k;
}

struct addition {
    struct aggregate_input in[12];
    char values[12][100];
    int64_t time;
    char text[20];
};

static void random_addition(const struct kinds *k, struct addition *a) {
    for (size_t i = 0; i < k->n; i++) {
        bool sums = k->of[i] == AGG_SUM || k->of[i] == AGG_AVG;
        a->in[i] = (struct aggregate_input){
            .skip = below(5) == 0, .value = random_value(a->values[i], !sums)};
    }
    a->time = (int64_t)below(5);
    snprintf(a->text, sizeof a->text, "{%d}", (int)below(20));
}

static void add(struct aggregates *a, void *group, const struct addition *x) {
    struct err e;
    size_t which;
    CHECK(aggregates_check(a, x->in, &which, &e));
    aggregates_add(a, group, x->in, x->time, slice_of(x->text));
}

static void write_results(
    const struct aggregates *a, const struct kinds *k, const void *group, struct buf *out) {
    out->n = 0;
    for (size_t i = 0; i < k->n; i++) {
        buf_addc(out, ' ');
        aggregates_write(a, group, i, out);
    }
}

/* Groups with all that may have come about: also merged, and taken out again. */
static void fill(struct aggregates *a, const struct kinds *k, uint64_t *group) {
    struct addition x;
    for (size_t n = below(2) ? below(4) : below(60); n > 0; n--) {
        random_addition(k, &x);
        add(a, group, &x);
    }
    uint64_t part[12] = {0};
    for (size_t n = below(4); n > 0; n--) {
        random_addition(k, &x);
        add(a, part, &x);
    }
    aggregates_merge(a, group, part);
    if (below(2)) (void)aggregates_unmerge(a, group, part);
    if (below(2)) aggregates_clear(a, part);
}

static void a_group_comes_back_and_goes_on(void) {
    struct buf saved = {0}, again = {0}, want = {0}, got = {0};
    for (int round = 0; round < 3000; round++) {
        struct kinds k = random_kinds();
        struct aggregates *a = aggregates_new(k.of, k.n), *b = aggregates_new(k.of, k.n);
        uint64_t group[12] = {0}, back[12] = {0};
        struct addition x;
        fill(a, &k, group);
        saved.n = again.n = 0;
        aggregates_save(a, group, &saved);
        CHECK(aggregates_load(b, back, buf_slice(&saved)));
        aggregates_save(b, back, &again);
        CHECK(slice_eq(buf_slice(&saved), buf_slice(&again)));
        for (int more = 0; more < 4; more++) {
            write_results(a, &k, group, &want);
            write_results(b, &k, back, &got);
            CHECK(slice_eq(buf_slice(&want), buf_slice(&got)));
            random_addition(&k, &x);
            add(a, group, &x);
            add(b, back, &x);
        }
        aggregates_free(a);
        aggregates_free(b);
    }
    buf_free(&saved), buf_free(&again), buf_free(&want), buf_free(&got);
}

/* In a block of its own, so that a read behind it is seen. */
static bool loads(const struct kinds *k, struct slice bytes) {
    struct aggregates *a = aggregates_new(k->of, k->n);
    uint64_t group[12] = {0};
    char *exact = mem_alloc(bytes.n);
    if (bytes.n) memcpy(exact, bytes.p, bytes.n);
    bool ok = aggregates_load(a, group, (struct slice){exact, bytes.n});
    free(exact);
    aggregates_free(a);
    return ok;
}

static void what_is_cut_or_longer_is_no_group(void) {
    struct buf saved = {0};
    for (int round = 0; round < 300; round++) {
        struct kinds k = random_kinds();
        struct aggregates *a = aggregates_new(k.of, k.n);
        uint64_t group[12] = {0};
        fill(a, &k, group);
        saved.n = 0;
        aggregates_save(a, group, &saved);
        for (size_t n = 0; n < saved.n; n++) CHECK(!loads(&k, (struct slice){saved.p, n}));
        CHECK(loads(&k, buf_slice(&saved)));
        buf_addc(&saved, (char)below(256));
        CHECK(!loads(&k, buf_slice(&saved)));
        saved.n--;
        /* Whether what was changed is still a group or none: it is read without harm. */
        for (int i = 0; i < 200; i++) {
            char *p = &saved.p[below(saved.n)], was = *p;
            *p = (char)below(256);
            (void)loads(&k, buf_slice(&saved));
            *p = was;
        }
        aggregates_free(a);
    }
    buf_free(&saved);
}

/* ---- windows ---- */

struct kept {
    int64_t time;
    struct buf key, value;
    bool dead;
};

/* As the store of a stage does it: what was put last holds. */
struct store {
    struct kept *of[WINDOW_TABLES];
    size_t n[WINDOW_TABLES], cap[WINDOW_TABLES];
    bool began; /* the last that was put, for the order */
    struct window_entry last;
    struct buf last_key;
    size_t puts;
};

static bool put(void *ctx, const struct window_entry *entry) {
    struct store *s = ctx;
    unsigned t = entry->table;
    bool after = !s->began || entry->table > s->last.table ||
                 (entry->table == s->last.table &&
                     (entry->time > s->last.time ||
                         (entry->time == s->last.time &&
                             slice_cmp(entry->key, buf_slice(&s->last_key)) > 0)));
    CHECK(after);
    s->began = true;
    s->last = *entry;
    s->last_key.n = 0;
    buf_add_slice(&s->last_key, entry->key);
    s->puts++;
    size_t i = 0;
    while (i < s->n[t] && !(!s->of[t][i].dead && s->of[t][i].time == entry->time &&
                              slice_eq(buf_slice(&s->of[t][i].key), entry->key)))
        i++;
    if (i == s->n[t]) {
        if (i == s->cap[t]) {
            s->cap[t] = s->cap[t] ? 2 * s->cap[t] : 64;
            s->of[t] = mem_grow(s->of[t], s->cap[t], sizeof **s->of);
        }
        s->of[t][s->n[t]++] = (struct kept){.time = entry->time};
        buf_add_slice(&s->of[t][i].key, entry->key);
    }
    s->of[t][i].value.n = 0;
    buf_add_slice(&s->of[t][i].value, entry->value);
    return true;
}

static void store_free(struct store *s) {
    for (int t = 0; t < WINDOW_TABLES; t++) {
        for (size_t i = 0; i < s->n[t]; i++)
            buf_free(&s->of[t][i].key), buf_free(&s->of[t][i].value);
        free(s->of[t]);
    }
    buf_free(&s->last_key);
}

static int by_time_and_key(const void *a, const void *b) {
    const struct kept *x = a, *y = b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return slice_cmp(buf_slice(&x->key), buf_slice(&y->key));
}

struct side {
    struct aggregates *aggregates;
    struct windows *windows;
    struct buf rows;
};

static void side_open(struct side *s, const struct window_spec *spec, const struct kinds *k) {
    s->aggregates = aggregates_new(k->of, k->n);
    s->windows = windows_new(spec, s->aggregates, draw());
    windows_track(s->windows);
}

static void side_close(struct side *s) {
    windows_free(s->windows);
    aggregates_free(s->aggregates);
}

/* Saves into the store, and loads it all into a new one. */
static void restart(
    struct side *s, struct store *to, const struct window_spec *spec, const struct kinds *k) {
    int64_t passed[2];
    to->began = false;
    windows_passed(s->windows, passed);
    for (enum window_table t = 0; t < WINDOW_TABLES; t++)
        for (size_t i = 0; i < to->n[t]; i++)
            if (to->of[t][i].time < windows_forgotten(s->windows, t)) to->of[t][i].dead = true;
    CHECK(windows_save(s->windows, put, to));
    size_t puts = to->puts;
    CHECK(windows_save(s->windows, put, to) && to->puts == puts); /* nothing has changed since */
    if (below(3) == 0) return;                                    /* a snapshot alone */
    side_close(s);
    side_open(s, spec, k);
    for (enum window_table t = 0; t < WINDOW_TABLES; t++) {
        if (to->n[t]) qsort(to->of[t], to->n[t], sizeof **to->of, by_time_and_key);
        for (size_t i = 0; i < to->n[t]; i++) {
            const struct kept *x = &to->of[t][i];
            struct window_entry in = {t, x->time, buf_slice(&x->key), buf_slice(&x->value)};
            if (!x->dead) CHECK(windows_load(s->windows, &in));
        }
    }
    windows_resume(s->windows, passed);
}

static void rows(struct side *s, const struct kinds *k, int64_t watermark) {
    struct window_row row;
    while (windows_row(s->windows, watermark, &row)) {
        buf_printf(&s->rows, "%lld %lld %.*s v%u%s%s", (long long)row.start, (long long)row.end,
            (int)row.key.n, row.key.p, row.version, row.final ? "f" : "",
            row.is_correction ? "c" : "");
        for (size_t i = 0; i < k->n; i++) {
            buf_addc(&s->rows, ' ');
            aggregates_write(s->aggregates, row.group, i, &s->rows);
        }
        buf_addc(&s->rows, '\n');
    }
}

static struct window_spec random_spec(void) {
    static const int64_t panes[] = {1, 1, 2, 5, 60};
    static const int64_t allowed[] = {0, 30 * SECOND_US, 3 * MINUTE_US, HOUR_US};
    struct window_spec spec = {.size = {PERIOD_FIXED, panes[below(5)] * MINUTE_US},
        .slide = {PERIOD_FIXED, MINUTE_US},
        .corrections = below(2)};
    if (spec.corrections) spec.allowed_lateness = allowed[below(4)];
    return spec;
}

static void same_after(const struct side *a, const struct side *b, int64_t watermark) {
    CHECK(slice_eq(buf_slice(&a->rows), buf_slice(&b->rows)));
    CHECK(windows_open(a->windows) == windows_open(b->windows));
    CHECK(windows_groups(a->windows) == windows_groups(b->windows));
    CHECK(windows_first_end(a->windows) == windows_first_end(b->windows));
    CHECK(windows_hold(a->windows, watermark) == windows_hold(b->windows, watermark));
}

static void one_stream(size_t events, uint64_t keys) {
    struct window_spec spec = random_spec();
    struct kinds k = random_kinds();
    struct side a = {0}, b = {0};
    struct store store = {0};
    int64_t newest = 1000 * HOUR_US, watermark = TIME_NONE;
    static const int64_t lateness[] = {0, 30 * SECOND_US, 2 * MINUTE_US};
    int64_t behind = lateness[below(3)];
    side_open(&a, &spec, &k);
    side_open(&b, &spec, &k);
    for (size_t i = 0; i < events; i++) {
        char key[1200];
        struct addition x;
        newest += (int64_t)below(4) * (int64_t)below(20 * SECOND_US);
        if (below(200) == 0) newest += 3 * HOUR_US;
        int64_t time = newest - (below(3) ? 0 : (int64_t)below(5 * MINUTE_US));
        snprintf(key, sizeof key, "k%0*d", below(50) ? 1 : 1100, (int)below(keys));
        random_addition(&k, &x);
        struct window_place p =
            windows_add(a.windows, time, watermark, slice_of(key), x.in, slice_of(x.text));
        struct window_place q =
            windows_add(b.windows, time, watermark, slice_of(key), x.in, slice_of(x.text));
        CHECK(p.fate == q.fate && p.missed == q.missed && p.window_start == q.window_start);
        rows(&a, &k, watermark);
        rows(&b, &k, watermark);
        if (newest - behind > watermark) watermark = newest - behind;
        rows(&a, &k, watermark);
        rows(&b, &k, watermark);
        if (below(events / 8 + 1) == 0) {
            restart(&b, &store, &spec, &k);
            same_after(&a, &b, watermark);
        }
    }
    rows(&a, &k, TIME_END);
    rows(&b, &k, TIME_END);
    same_after(&a, &b, TIME_END);
    side_close(&a), side_close(&b);
    buf_free(&a.rows), buf_free(&b.rows);
    store_free(&store);
}

static void windows_go_on_as_if_nothing_had_happened(void) {
    for (int i = 0; i < 200; i++) one_stream(1 + below(300), 1 + below(12));
    for (int i = 0; i < 5; i++) one_stream(3000, 300);
}

static void what_is_no_entry_is_refused(void) {
    struct window_spec spec = {
        .size = {PERIOD_FIXED, MINUTE_US}, .slide = {PERIOD_FIXED, MINUTE_US}};
    struct kinds k = {{AGG_COUNT}, 1};
    struct {
        struct window_entry in;
        bool ok;
    } tries[] = {
        {{WINDOW_GROUPS, MINUTE_US, {"a", 1}, {"\1\0\0\0\0\0\0\0", 8}}, true},
        {{WINDOW_GROUPS, MINUTE_US + 1, {"a", 1}, {"\1\0\0\0\0\0\0\0", 8}}, false}, /* no pane */
        {{WINDOW_GROUPS, MINUTE_US, {"a", 1}, {"\1\0\0\0\0\0\0", 7}}, false},
        {{WINDOW_GROUPS, MINUTE_US, {"a", 1}, {"", 0}}, false},
        {{WINDOW_VERSIONS, MINUTE_US, {"a", 1}, {"\1\0\0\0\0\0\0\0", 8}}, true},
        {{WINDOW_VERSIONS, MINUTE_US, {"a", 1}, {"\1\0\0\0\0\0\0", 7}}, false},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct side s = {0};
        side_open(&s, &spec, &k);
        CHECK(windows_load(s.windows, &tries[i].in) == tries[i].ok);
        /* A group comes once. */
        if (tries[i].ok && tries[i].in.table == WINDOW_GROUPS)
            CHECK(!windows_load(s.windows, &tries[i].in));
        side_close(&s);
    }
}

int main(void) {
    RUN(marks_are_taken_once_and_in_order);
    RUN(a_group_comes_back_and_goes_on);
    RUN(what_is_cut_or_longer_is_no_group);
    RUN(windows_go_on_as_if_nothing_had_happened);
    RUN(what_is_no_entry_is_refused);
    return check_done();
}

/* Random event streams against a model that keeps all events in an array and answers by looking
 * through it. */
#include "op/window.h"

#include "base/buf.h"
#include "base/decimal.h"
#include "check.h"
#include "expr/value.h"

static uint64_t random_state;
static uint64_t draw(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545F4914F6CDD1D) >> 16;
}
static int64_t below(int64_t n) { return (int64_t)(draw() % (uint64_t)n); }

/* ---- events ---- */

enum { EVENTS = 260, KEYS = 12, SLIDE = 10, WINDOWS = 2000, ORIGIN = 200, OLDEST = 100 };

struct event {
    int64_t time, watermark;
    int key;
    bool null;
    struct decimal number;
    struct value mixed; /* a number or a string */
    char text[40], word[16];
    bool late;
};

static struct event events[EVENTS];
static int n_events;

static const enum aggregate_kind kinds[] = {
    AGG_COUNT, AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX, AGG_FIRST, AGG_LAST};
enum { KINDS = sizeof kinds / sizeof *kinds, PLAIN_KINDS = 4, TEXTLESS_KINDS = 6 };

/* No key is a prefix of another; one is long. */
static struct slice key_of(int key) {
    static char keys[KEYS][1600];
    if (!keys[key][0]) {
        int n = sprintf(keys[key], "key-with-a-common-beginning-%d", key * 7919 % 97);
        if (key == 5) memset(keys[key] + n, 'x', 1500);
        strcat(keys[key], ";");
    }
    return slice_of(keys[key]);
}

static struct event random_event(int64_t time) {
    struct event e = {.time = time, .key = (int)(below(KEYS) * below(KEYS) / KEYS)};
    e.null = below(5) == 0;
    int64_t big = below(20) == 0 ? INT64_C(3000000000000000) : 100000;
    e.number = (struct decimal){.small = below(2 * big) - big, .scale = (uint8_t)below(7)};
    sprintf(e.text, "{\"n\":%d}", (int)below(30));
    sprintf(e.word, "w%d", (int)below(100));
    if (below(3)) e.mixed = (struct value){.kind = VALUE_NUMBER, .number = e.number};
    else e.mixed = (struct value){.kind = VALUE_STRING, .text = {NULL, strlen(e.word)}};
    return e;
}

static void inputs_of(struct event *e, struct aggregate_input *in) {
    struct value number = {.kind = VALUE_NUMBER, .number = e->number};
    if (e->mixed.kind == VALUE_STRING) e->mixed.text.p = e->word;
    for (int i = 0; i < KINDS; i++)
        in[i] = (struct aggregate_input){.skip = e->null, .value = number};
    in[0].skip = false;
    for (int i = 4; i < KINDS; i++) in[i].value = e->mixed;
}

/* ---- the model ---- */

static struct {
    int64_t panes_each, allowed;
    bool corrections;
    size_t kinds; /* the first so many of them */
    bool fired[WINDOWS], done[WINDOWS];
    uint32_t version[WINDOWS][KEYS];
    bool held[WINDOWS][KEYS];
    int newest; /* that ever held anything */
    struct buf rows;
} model;

static int64_t end_of(int window) { return ((int64_t)window - ORIGIN) * SLIDE; }
static int window_of(int64_t end) { return (int)(end / SLIDE + ORIGIN); }
static int64_t size(void) { return model.panes_each * SLIDE; }

static bool holds(int window, const struct event *e) {
    return e->time < end_of(window) && e->time >= end_of(window) - size() &&
           end_of(window) + model.allowed > e->watermark;
}

static int first_window(const struct event *e) {
    return window_of(e->time - (e->time % SLIDE + SLIDE) % SLIDE) + 1;
}

/* The last event of the array has come. */
static void model_add(const struct event *e) {
    int first = first_window(e), last = first + (int)model.panes_each - 1;
    for (int window = first; window <= last; window++)
        if (holds(window, e)) model.held[window][e->key] = true;
    if (last > model.newest) model.newest = last;
}

static int order_of(const struct event *a, const struct event *b) {
    if (a->time != b->time) return a->time < b->time ? -1 : 1;
    return strcmp(a->text, b->text);
}

static void write_model_row(int window, int key, bool final, bool correction) {
    struct sum sum = {0};
    uint64_t all = 0, count = 0;
    const struct event *least = NULL, *most = NULL, *first = NULL, *last = NULL;
    for (int i = 0; i < n_events; i++) {
        struct event *e = &events[i];
        if (e->key != key || !holds(window, e)) continue;
        all++;
        if (e->null) continue;
        count++;
        sum_add(&sum, &e->number);
        if (e->mixed.kind == VALUE_STRING) e->mixed.text.p = e->word;
        if (!least || value_cmp(&e->mixed, &least->mixed) < 0) least = e;
        if (!most || value_cmp(&e->mixed, &most->mixed) > 0) most = e;
        if (!first || order_of(e, first) < 0) first = e;
        if (!last || order_of(e, last) > 0) last = e;
    }
    struct buf *out = &model.rows;
    struct slice k = key_of(key);
    buf_printf(out, "%lld..%lld %.*s v%u%s%s %llu %llu ", (long long)(end_of(window) - size()),
        (long long)end_of(window), (int)(k.n < 60 ? k.n : 60), k.p, ++model.version[window][key],
        final ? " final" : "", correction ? " correction" : "", (unsigned long long)all,
        (unsigned long long)count);
    if (!count) {
        for (size_t i = 2; i < model.kinds; i++) buf_adds(out, "null ");
        buf_addc(out, '\n');
        return;
    }
    sum_write(out, &sum);
    buf_addc(out, ' ');
    sum_write_quotient(out, &sum, count);
    const struct event *picked[] = {least, most, first, last};
    for (size_t i = 0; i < model.kinds - PLAIN_KINDS; i++) {
        buf_addc(out, ' ');
        value_write(out, &picked[i]->mixed);
    }
    buf_adds(out, " \n");
}

static void write_model_window(int window, bool final, bool correction) {
    int keys[KEYS];
    for (int i = 0; i < KEYS; i++) keys[i] = i;
    for (int i = 0; i < KEYS; i++)
        for (int j = i + 1; j < KEYS; j++)
            if (slice_cmp(key_of(keys[j]), key_of(keys[i])) < 0) {
                int t = keys[i];
                keys[i] = keys[j];
                keys[j] = t;
            }
    for (int i = 0; i < KEYS; i++)
        if (model.held[window][keys[i]]) write_model_row(window, keys[i], final, correction);
}

/* All moments up to W in their order, each with the windows of that moment by end. */
static void model_fire(int64_t watermark) {
    for (;;) {
        int best = -1, best_final = 0;
        int64_t best_moment = TIME_END;
        for (int window = OLDEST; window <= model.newest; window++) {
            for (int final = 0; final <= model.corrections; final++) {
                int64_t moment = end_of(window) + (final ? model.allowed : 0);
                if (final ? model.done[window] : model.fired[window]) continue;
                if (moment > watermark || moment >= best_moment) continue;
                best = window, best_final = final, best_moment = moment;
            }
        }
        if (best < 0) return;
        (best_final ? model.done : model.fired)[best] = true;
        write_model_window(best, best_final || !model.corrections, best_final);
    }
}

/* The windows that the event, last of the array, has entered after their end. */
static void model_correct(const struct event *e) {
    if (!model.corrections) return;
    for (int window = first_window(e);
         end_of(window) <= e->watermark && end_of(window) <= e->time + size(); window++)
        if (holds(window, e)) write_model_row(window, e->key, false, true);
}

/* ---- comparing ---- */

static void take_rows(
    struct windows *w, struct aggregates *a, int64_t watermark, int64_t hold, struct buf *out) {
    struct window_row row;
    while (windows_row(w, watermark, &row)) {
        CHECK(row.end - 1 >= hold);
        buf_printf(out, "%lld..%lld %.*s v%u%s%s ", (long long)row.start, (long long)row.end,
            (int)(row.key.n < 60 ? row.key.n : 60), row.key.p, row.version,
            row.final ? " final" : "", row.is_correction ? " correction" : "");
        out->n--;
        buf_addc(out, ' ');
        for (size_t i = 0; i < model.kinds; i++) {
            aggregates_write(a, row.group, i, out);
            buf_addc(out, ' ');
        }
        buf_addc(out, '\n');
    }
}

static size_t model_open(int64_t watermark, int64_t *first_end) {
    size_t open = 0;
    *first_end = TIME_END;
    for (int window = model.newest; window > 0; window--) {
        if (end_of(window) + model.allowed <= watermark) break;
        bool any = memchr(model.held[window], true, KEYS) != NULL;
        open += any;
        if (any && end_of(window) > watermark) *first_end = end_of(window);
    }
    return open;
}

static void check_place(struct window_place place, const struct event *e) {
    int accepts = 0;
    int64_t start = e->time - (e->time % SLIDE + SLIDE) % SLIDE;
    for (int i = 1; i <= model.panes_each; i++)
        accepts += start + i * SLIDE + model.allowed > e->watermark;
    CHECK(place.window_start == start && place.window_end == start + size());
    CHECK((place.fate == WINDOW_LATE) == (accepts == 0));
    if (accepts) CHECK(place.missed == model.panes_each - accepts);
}

/* A window of the model holds an event only when it was added, so an event is put into the array
 * first. */
static void one_stream(uint64_t seed) {
    random_state = seed * 2654435769u + 1;
    static const int64_t panes[] = {1, 1, 2, 3, 5, 12};
    struct buf got = {0};
    memset(&model, 0, sizeof model);
    n_events = 0;
    model.panes_each = panes[below(6)];
    model.corrections = below(2);
    model.kinds = (size_t[]){KINDS, TEXTLESS_KINDS, PLAIN_KINDS}[below(3)];
    model.allowed = model.corrections && below(4) ? below(150) : 0;
    int64_t lateness = below(3) * below(60), jitter = 1 + below(150), max = TIME_NONE;
    struct window_spec spec = {
        .size = {PERIOD_FIXED, size()},
        .slide = {PERIOD_FIXED, SLIDE},
        .allowed_lateness = model.allowed,
        .corrections = model.corrections,
    };
    struct aggregates *a = aggregates_new(kinds, model.kinds);
    struct windows *w = windows_new(&spec, a, seed);
    int64_t now = below(2) * -500, watermark = TIME_NONE, hold = TIME_NONE;
    bool ok = check_ok;
    while (n_events < EVENTS && now < 15000) {
        now += below(8) + (below(40) == 0 ? below(500) : 0);
        struct event e = random_event(now - (below(3) ? 0 : below(jitter)));
        e.watermark = watermark;
        struct aggregate_input in[KINDS];
        struct err err;
        size_t which;
        int i = n_events++;
        events[i] = e;
        inputs_of(&events[i], in);
        CHECK(aggregates_check(a, in, &which, &err));
        struct window_place place =
            windows_add(w, e.time, watermark, key_of(e.key), in, slice_of(events[i].text));
        check_place(place, &events[i]);
        model_add(&events[i]);
        model_correct(&events[i]);
        if (place.fate == WINDOW_LATE) n_events--;
        if (e.time > max) max = e.time;
        if (lateness < 100) watermark = max - lateness;
        bool due = windows_due(w, watermark);
        size_t before = got.n;
        take_rows(w, a, watermark, hold, &got);
        CHECK(due || got.n == before);
        model_fire(watermark);
        hold = windows_hold(w, watermark);
        int64_t first_end;
        size_t open = model_open(watermark, &first_end);
        CHECK(windows_open(w) == open && windows_first_end(w) == first_end);
        if (got.n != model.rows.n) break;
    }
    take_rows(w, a, TIME_END, hold, &got);
    model_fire(TIME_END);
    buf_addc(&got, '\0');
    buf_addc(&model.rows, '\0');
    CHECK_STR(got.p, model.rows.p);
    CHECK(windows_open(w) == 0 && windows_groups(w) == 0);
    if (ok && !check_ok)
        fprintf(stderr, "seed %llu: %lld panes, allowed %lld, lateness %lld, corrections %d\n",
            (unsigned long long)seed, (long long)model.panes_each, (long long)model.allowed,
            (long long)lateness, model.corrections);
    windows_free(w);
    aggregates_free(a);
    buf_free(&got);
    buf_free(&model.rows);
}

static void random_streams_match_the_model(void) {
    const char *streams = getenv("EV_STREAMS");
    uint64_t n = streams ? strtoull(streams, NULL, 10) : 120;
    for (uint64_t seed = 1; seed <= n && check_ok; seed++) one_stream(seed);
}

int main(void) {
    RUN(random_streams_match_the_model);
    return check_done();
}

#include "op/watermark.h"

#include "base/timestamp.h"
#include "check.h"

static uint64_t random_state = 1;
static uint64_t draw(void) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 33;
}

/* ---- watermarks ---- */

enum { INPUTS = 40 };

struct model {
    int64_t of[INPUTS];
    bool begun[INPUTS], ended[INPUTS];
    size_t n;
};

static bool least(const struct model *m, size_t *input) {
    bool any = false;
    for (size_t i = 0; i < m->n; i++) {
        if (m->ended[i] || !m->begun[i]) continue;
        if (!any || m->of[i] < m->of[*input]) *input = i;
        any = true;
    }
    return any;
}

static void run_inputs(size_t n) {
    struct model m = {.n = n};
    struct watermarks w;
    watermarks_init(&w, n);
    CHECK(w.stream == TIME_NONE && w.n == 0);
    for (size_t i = n; i-- > 0;) {
        m.of[i] = (int64_t)(draw() % 50);
        m.begun[i] = true;
        watermarks_begin(&w, i, m.of[i]);
    }
    int64_t stream = TIME_NONE;
    size_t input = 0;
    while (least(&m, &input) && check_ok) {
        if (m.of[input] > stream) stream = m.of[input];
        CHECK(w.stream == stream && watermarks_next(&w) == input);
        if (draw() % 30 == 0) {
            m.ended[input] = true;
            watermarks_end(&w);
            continue;
        }
        int64_t candidate = m.of[input] + (int64_t)(draw() % 40) - 20;
        if (candidate > m.of[input]) m.of[input] = candidate;
        watermarks_seen(&w, candidate);
    }
    CHECK(w.n == 0 && w.stream == TIME_END);
    watermarks_free(&w);
}

static void the_lowest_input_is_next_and_the_stream_never_goes_back(void) {
    for (int round = 0; round < 200; round++) run_inputs(1 + draw() % INPUTS);
}

static void one_input_moves_the_stream(void) {
    struct watermarks w;
    watermarks_init(&w, 1);
    watermarks_begin(&w, 0, 100);
    watermarks_seen(&w, 90);
    CHECK(w.stream == 100);
    watermarks_seen(&w, 110);
    CHECK(w.stream == 110);
    watermarks_end(&w);
    CHECK(w.stream == TIME_END);
    watermarks_free(&w);
}

/* ---- disorder ---- */

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum { EVENTS = 20000 };

static void check_quantiles(int64_t span) {
    static int64_t distances[EVENTS];
    struct disorder d;
    disorder_init(&d);
    int64_t max = TIME_NONE;
    for (size_t i = 0; i < EVENTS; i++) {
        uint64_t wide = draw() << 31 | draw();
        int64_t time =
            (int64_t)i * (span / 1000 + 1) - (int64_t)(wide % (uint64_t)span >> draw() % 40);
        distances[i] = time >= max ? 0 : max - time;
        if (time > max) max = time;
        disorder_seen(&d, time);
    }
    qsort(distances, EVENTS, sizeof *distances, compare);
    for (int percent = 1; percent <= 100; percent++) {
        int64_t truth = distances[EVENTS * percent / 100 - 1];
        int64_t got = disorder_quantile(&d, percent / 100.0);
        CHECK(got >= truth && (double)got <= (double)truth * (1 + 1.0 / 64));
    }
    CHECK(d.greatest == distances[EVENTS - 1]);
    CHECK(disorder_quantile(&d, 1) == d.greatest);
}

static void quantiles_are_at_most_a_64th_too_high(void) {
    for (int64_t span = 10; span < INT64_C(1000000000000000); span *= 10) check_quantiles(span);
}

static void no_disorder_is_zero(void) {
    struct disorder d;
    disorder_init(&d);
    CHECK(disorder_quantile(&d, 0.99) == 0);
    for (int64_t t = TIME_MIN; t < TIME_MIN + 100; t++) disorder_seen(&d, t);
    disorder_seen(&d, TIME_MIN + 99);
    CHECK(disorder_quantile(&d, 1) == 0 && d.in_order == 101);
    disorder_seen(&d, TIME_MAX);
    disorder_seen(&d, TIME_MIN);
    CHECK(disorder_quantile(&d, 1) == TIME_MAX - TIME_MIN && disorder_quantile(&d, 0.5) == 0);
}

int main(void) {
    RUN(the_lowest_input_is_next_and_the_stream_never_goes_back);
    RUN(one_input_moves_the_stream);
    RUN(quantiles_are_at_most_a_64th_too_high);
    RUN(no_disorder_is_zero);
    return check_done();
}

#include "op/seen.h"

#include "base/buf.h"
#include "check.h"

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 11;
}

static struct hash128 key_of(uint64_t n) { return hash_identity(&n, sizeof n, 1); }

static bool before(
    struct seen *s, struct hash128 key, int64_t time, int64_t within, int64_t forgotten) {
    return seen_before(s, &key, time, within, forgotten);
}

static void a_key_is_seen_once(bool timed, size_t bytes) {
    struct seen s;
    seen_init(&s, timed);
    for (uint64_t i = 0; i < 200000; i++)
        CHECK(!before(&s, key_of(i), (int64_t)i, INT64_MAX, INT64_MIN));
    for (uint64_t i = 0; i < 200000; i++) CHECK(before(&s, key_of(i), 0, INT64_MAX, INT64_MIN));
    CHECK(s.n == 200000);
    CHECK(seen_bytes(&s) / s.n <= bytes);
    seen_free(&s);
}

static void a_key_is_seen_once_with_its_time(void) { a_key_is_seen_once(true, 36); }
static void a_key_is_seen_once_for_good(void) { a_key_is_seen_once(false, 28); }

static void the_key_of_no_bits_is_one_too(void) {
    struct seen s;
    seen_init(&s, true);
    CHECK(!before(&s, (struct hash128){0, 0}, 5, 10, 0));
    CHECK(before(&s, (struct hash128){0, 0}, 6, 10, 0));
    seen_free(&s);
}

static void within_counts_from_each_first_on_both_sides(void) {
    struct seen s;
    seen_init(&s, true);
    struct hash128 k = key_of(1);
    CHECK(!before(&s, k, 100, 10, INT64_MIN));
    CHECK(before(&s, k, 109, 10, INT64_MIN));
    CHECK(before(&s, k, 91, 10, INT64_MIN));
    CHECK(!before(&s, k, 110, 10, INT64_MIN)); /* not extended by 109 */
    CHECK(!before(&s, k, 90, 10, INT64_MIN));
    CHECK(before(&s, k, 101, 10, INT64_MIN));
    CHECK(s.n == 3);
    CHECK(!before(&s, k, 105, 10, 110)); /* all are forgotten */
    CHECK(!before(&s, k, INT64_MIN + 1, 10, INT64_MIN));
    CHECK(!before(&s, k, INT64_MAX, 10, INT64_MIN));
    seen_free(&s);
}

/* Against a plain list: random keys and times, with a watermark that goes on, and sweeps. */
static void it_is_what_a_list_would_say(void) {
    enum { EVENTS = 40000, KEYS = 300, WITHIN = 50, KEEP = 80 };
    struct seen s;
    seen_init(&s, true);
    struct {
        uint64_t key;
        int64_t first;
    } *list = mem_zero(EVENTS, sizeof *list);
    size_t n = 0;
    uint64_t random = 7;
    for (int64_t i = 0; i < EVENTS; i++) {
        uint64_t key = next_random(&random) % KEYS * (i < EVENTS / 2 ? 1 : 1000003);
        int64_t time = i / 4 + (int64_t)(next_random(&random) % 30), forgotten = i / 4 - KEEP;
        bool is_in = false;
        for (size_t k = n; k-- > 0 && list[k].first > forgotten - 100 && !is_in;)
            is_in = list[k].key == key && list[k].first > forgotten &&
                    llabs(list[k].first - time) < WITHIN;
        if (!is_in) list[n].key = key, list[n++].first = time;
        if (before(&s, key_of(key), time, WITHIN, forgotten) != is_in) CHECK(!"as the list");
    }
    free(list);
    seen_free(&s);
}

/* Of 100,000 keys that live at a time, and many more that are gone. */
static void what_is_forgotten_takes_no_room(void) {
    enum { LIVE = 100000 };
    struct seen s;
    seen_init(&s, true);
    for (int64_t i = 0; i < 30 * LIVE; i++)
        CHECK(!before(&s, key_of((uint64_t)i), i, 10, i - LIVE));
    CHECK(seen_bytes(&s) < LIVE * 48);
    seen_free(&s);
}

int main(void) {
    RUN(a_key_is_seen_once_with_its_time);
    RUN(a_key_is_seen_once_for_good);
    RUN(the_key_of_no_bits_is_one_too);
    RUN(within_counts_from_each_first_on_both_sides);
    RUN(it_is_what_a_list_would_say);
    RUN(what_is_forgotten_takes_no_room);
    return check_done();
}

#include "state/sealed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "check.h"
#include "state/members.h"

static int here = -1;
static struct err e;

static struct json_t *sample(int64_t n) {
    struct json_t *o = members_new();
    members_set_number(o, "n", n);
    members_set_text(o, "text", slice_of("\"check\":\"x\"}\n\\ \xc3\xa9"));
    return o;
}

static struct buf content(const char *name) {
    struct buf b = {0};
    int fd = open(name, O_RDONLY);
    ssize_t n = read(fd, buf_reserve(&b, 65536), 65536);
    if (n > 0) b.n = (size_t)n;
    close(fd);
    return b;
}

static void put(const char *name, struct slice s) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    CHECK(write(fd, s.p, s.n) == (ssize_t)s.n);
    close(fd);
}

static bool refused(const char *role, uint64_t epoch, const char *text) {
    struct json_t *o = sealed_read(here, role, epoch, &e);
    bool ok = !o && e.code == EXIT_CONFIG && strstr(e.text, text);
    if (!ok) fprintf(stderr, "%s\n", o ? "was read" : e.text);
    members_free(o);
    return ok;
}

static void what_was_written_is_read(void) {
    static const uint64_t epochs[] = {0, 1, 18446744073709551615u};
    for (size_t i = 0; i < 3; i++) {
        CHECK(sealed_write(here, "a", epochs[i], sample(INT64_MIN + (int64_t)i), &e));
        struct json_t *o = sealed_read(here, "a", epochs[i], &e);
        CHECK(o && members_number(o, "n") == INT64_MIN + (int64_t)i);
        CHECK(slice_is(members_text(o, "text"), "\"check\":\"x\"}\n\\ \xc3\xa9"));
        members_free(o);
    }
    CHECK(access("a-18446744073709551615", F_OK) == 0 && access(".a-0.tmp", F_OK) != 0);
    /* Again under the name: the newer holds. */
    CHECK(sealed_write(here, "a", 1, sample(7), &e));
    struct json_t *o = sealed_read(here, "a", 1, &e);
    CHECK(members_number(o, "n") == 7);
    members_free(o);
}

static void every_damage_is_found(void) {
    CHECK(sealed_write(here, "d", 1, sample(123456), &e));
    struct buf whole = content("d-1");
    for (size_t at = 0; at < whole.n; at++) {
        for (int bit = 0; bit < 8; bit++) {
            whole.p[at] ^= (char)(1 << bit);
            put("d-1", buf_slice(&whole));
            whole.p[at] ^= (char)(1 << bit);
            CHECK(refused("d", 1, "d-1: is damaged: its checksum does not match"));
        }
        put("d-1", (struct slice){whole.p, at});
        CHECK(refused("d", 1, "d-1: is damaged"));
    }
    buf_addc(&whole, '\n');
    put("d-1", buf_slice(&whole));
    CHECK(refused("d", 1, "d-1: is damaged"));
    memset(whole.p, 0, whole.n);
    put("d-1", buf_slice(&whole));
    CHECK(refused("d", 1, "d-1: is damaged"));
    buf_free(&whole);
}

static void another_file_is_not_taken_for_it(void) {
    CHECK(refused("none", 1, "none-1: cannot open: No such file"));
    CHECK(sealed_write(here, "o", 1, sample(1), &e) && rename("o-1", "o-2") == 0);
    CHECK(refused("o", 2, "o-2: is o-1 under another name"));
    CHECK(rename("o-2", "p-1") == 0 && refused("p", 1, "p-1: is o-1 under another name"));
    CHECK(mkdir("q-1", 0777) == 0 && !sealed_read(here, "q", 1, &e));
}

static void those_of_a_role_are_listed(void) {
    static const uint64_t want[] = {2, 9, 10, 100};
    uint64_t *epochs, newest;
    size_t n;
    CHECK(sealed_newest(here, "l", &newest, &e) && newest == 0);
    for (size_t i = 0; i < 4; i++) CHECK(sealed_write(here, "l", want[3 - i], sample(1), &e));
    static const char *const others[] = {"l-", "l-01", "l-x", "l-1x", "l--1", "l-+1", "l-1.tmp",
        ".l-1.tmp", "ll-1", "l", "l- 1", "l-18446744073709551616"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) put(others[i], slice_of("x"));
    CHECK(sealed_list(here, "l", &epochs, &n, &e));
    CHECK(n == 4 && memcmp(epochs, want, sizeof want) == 0);
    free(epochs);
    CHECK(sealed_newest(here, "l", &newest, &e) && newest == 100);
}

static bool there(uint64_t epoch) {
    char name[40];
    snprintf(name, sizeof name, "r-%llu", (unsigned long long)epoch);
    return access(name, F_OK) == 0;
}

static void set_age(uint64_t epoch, int64_t seconds) {
    char name[40];
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= seconds;
    times[1] = times[0];
    snprintf(name, sizeof name, "r-%llu", (unsigned long long)epoch);
    CHECK(utimensat(here, name, times, 0) == 0);
}

static void what_is_old_and_superseded_goes(void) {
    for (uint64_t i = 1; i <= 5; i++) CHECK(sealed_write(here, "r", i, sample(1), &e));
    sealed_release(here, "r", 3, 3600 * INT64_C(1000000));
    for (uint64_t i = 1; i <= 5; i++) CHECK(there(i));
    set_age(1, 4000), set_age(3, 4000), set_age(4, 4000);
    sealed_release(here, "r", 3, 3600 * INT64_C(1000000));
    CHECK(!there(1) && there(2) && there(3) && there(4));
    sealed_release(here, "r", 5, 3600 * INT64_C(1000000));
    CHECK(there(2) && !there(3) && !there(4) && there(5));
    /* The newest stays, whatever it is asked. */
    sealed_release(here, "r", 100, 0);
    CHECK(!there(2) && there(5));
}

int main(void) {
    char folder[] = "/tmp/ev-sealed-XXXXXX", line[100];
    if (!mkdtemp(folder) || chdir(folder) != 0) return 1;
    here = open(".", O_RDONLY | O_DIRECTORY);
    RUN(what_was_written_is_read);
    RUN(every_damage_is_found);
    RUN(another_file_is_not_taken_for_it);
    RUN(those_of_a_role_are_listed);
    RUN(what_is_old_and_superseded_goes);
    close(here);
    snprintf(line, sizeof line, "rm -rf %s", folder);
    if (chdir("/") != 0 || system(line) != 0) return 1;
    return check_done();
}

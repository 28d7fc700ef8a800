/* toy - a line of three stages that keeps the rules of epochs in small, for the driver to be tested on.
 *
 *   toy --id source SRC LINES   cuts epochs of LINES lines
 *   toy --id count SIDE         numbers lines, and puts each tenth aside
 *   toy --id sink DEST          publishes
 *
 * EV_TOY_BUG names one rule to break: the driver has to find it. A line that starts with `#` is control: `#open C`,
 * `#barrier N`, `#end N`, and `#bye` when all was said. A file of the checkpoint is one line: its name, two numbers,
 * and a sum of these. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *id, *checkpoint;

static _Noreturn void fail(int code, const char *what, const char *why) {
    fprintf(stderr, "%s: %s: %s\n", id, what, why);
    exit(code);
}

static void check(bool good, const char *what) {
    if (!good) fail(74, what, strerror(errno));
}

static bool bug(const char *name) {
    const char *set = getenv("EV_TOY_BUG");
    return set && strcmp(set, name) == 0;
}

static void crash_point(const char *point, long epoch) {
    char here[128];
    const char *at = getenv("EV_CRASH_AT"), *log = getenv("EV_CRASH_LOG");
    snprintf(here, sizeof here, "%s:%s:%ld", id, point, epoch);
    if (log) {
        int fd = open(log, O_WRONLY | O_APPEND | O_CREAT, 0666);
        check(fd >= 0 && dprintf(fd, "%s\n", here) > 0 && close(fd) == 0, log);
    }
    if (at && strcmp(at, here) == 0) raise(SIGKILL);
}

/* ---- files ---- */

static void write_all(int fd, const char *bytes, size_t n) {
    while (n) {
        ssize_t wrote = write(fd, bytes, n);
        check(wrote > 0, "write");
        bytes += wrote, n -= (size_t)wrote;
    }
}

static void sync_folder(const char *path) {
    if (bug("no-folder-sync")) return;
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    check(fd >= 0 && fsync(fd) == 0 && close(fd) == 0, path);
}

__attribute__((format(printf, 2, 3))) static void name_path(
    char path[512], const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (vsnprintf(path, 512, format, list) >= 512) fail(64, format, "too long");
    va_end(list);
}

static void folder_make(const char *stage) {
    char path[512], above[512] = ".";
    name_path(path, "%s/%s", checkpoint, stage);
    for (char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        if (slash == path) continue;
        *slash = 0;
        check(mkdir(path, 0777) == 0 || errno == EEXIST, path);
        sync_folder(above);
        snprintf(above, sizeof above, "%s", path);
        *slash = '/';
    }
    check(mkdir(path, 0777) == 0 || errno == EEXIST, path);
    sync_folder(above);
    sync_folder(path);
}

struct record {
    long a, b;
};

static unsigned sum_of(const char *text, size_t n) {
    unsigned sum = 2166136261U;
    for (size_t i = 0; i < n; i++) sum = (sum ^ (unsigned char)text[i]) * 16777619U;
    return sum;
}

static size_t record_write(char text[512], const char *role, long epoch, struct record r) {
    name_path(text, "%s-%020ld %ld %ld", role, epoch, r.a, r.b);
    size_t n = strlen(text);
    return n + (size_t)sprintf(text + n, " %08x\n", sum_of(text, n));
}

static void record_put(const char *role, long epoch, struct record r) {
    char path[512], temporary[520], folder[512], text[512];
    size_t n = record_write(text, role, epoch, r);
    name_path(folder, "%s/%s", checkpoint, id);
    name_path(path, "%s/%s-%020ld", folder, role, epoch);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    check(fd >= 0, temporary);
    write_all(fd, text, n);
    crash_point("written", epoch);
    check((bug("no-file-sync") || fsync(fd) == 0) && close(fd) == 0, temporary);
    check(rename(temporary, path) == 0, path);
    crash_point("renamed", epoch);
    sync_folder(folder);
    crash_point("durable", epoch);
}

static struct record record_get(const char *role, long epoch) {
    char path[512], text[512] = "", want[512], name[64];
    struct record r = {0, 0};
    name_path(path, "%s/%s/%s-%020ld", checkpoint, id, role, epoch);
    int fd = open(path, O_RDONLY);
    if (fd < 0) fail(78, path, "is missing");
    ssize_t n = read(fd, text, sizeof text - 1);
    check(n >= 0 && close(fd) == 0, path);
    bool read = sscanf(text, "%63s %ld %ld", name, &r.a, &r.b) == 3;
    record_write(want, role, epoch, r);
    if (!read || (!bug("no-checksum") && strcmp(text, want) != 0)) fail(78, path, "is damaged");
    return r;
}

/* The greatest epoch of a role; 0 without one. */
static long newest(const char *stage, const char *role) {
    char path[512];
    long found = 0;
    name_path(path, "%s/%s", checkpoint, stage);
    DIR *d = opendir(path);
    check(d, path);
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(role);
        if (strncmp(e->d_name, role, n) != 0 || strstr(e->d_name, ".tmp")) continue;
        long epoch = strtol(e->d_name + n + 1, NULL, 10);
        if (epoch > found) found = epoch;
    }
    closedir(d);
    return found;
}

/* ---- lines ---- */

/* Bytes that are gathered before they are written; a run holds little. */
struct gathered {
    char bytes[1 << 20];
    size_t filled;
};

__attribute__((format(printf, 2, 3))) static void gather(
    struct gathered *g, const char *format, ...) {
    va_list list;
    va_start(list, format);
    g->filled += (size_t)vsnprintf(g->bytes + g->filled, sizeof g->bytes - g->filled, format, list);
    va_end(list);
    if (g->filled >= sizeof g->bytes) fail(70, "gather", "too much");
}

static void send_all(struct gathered *g) {
    write_all(1, g->bytes, g->filled);
    g->filled = 0;
}

/* Publishes at the recorded offset; returns the next one. */
static long publish(const char *path, long offset, struct gathered *g, long epoch) {
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    check(fd >= 0 && fstat(fd, &st) == 0, path);
    if (st.st_size < offset) fail(78, path, "is shorter than what was published");
    check(bug("no-truncate") || ftruncate(fd, offset) == 0, path);
    check(lseek(fd, 0, SEEK_END) >= 0, path);
    write_all(fd, g->bytes, g->filled / 2);
    crash_point("half", epoch);
    write_all(fd, g->bytes + g->filled / 2, g->filled - g->filled / 2);
    check((bug("no-output-sync") || fsync(fd) == 0) && close(fd) == 0, path);
    sync_folder(".");
    crash_point("published", epoch);
    offset += (long)g->filled;
    g->filled = 0;
    return offset;
}

static struct gathered out, aside;

/* The next line without its end; false after `#bye`. */
static bool next_line(char line[512]) {
    if (!fgets(line, 512, stdin)) fail(74, "stdin", "was cut off");
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, "#bye") != 0;
}

/* ---- the stages ---- */

static char *lines[100000];

static long lines_read(const char *src) {
    static char line[512];
    long n = 0;
    FILE *f = fopen(src, "r");
    check(f, src);
    while (n < 100000 && fgets(line, sizeof line, f)) lines[n++] = strdup(line);
    fclose(f);
    return n;
}

static void send_epoch(long epoch, struct record plan, long total) {
    for (long i = plan.a; i < plan.b; i++) gather(&out, "%s", lines[i]);
    send_all(&out);
    crash_point("sent", epoch);
    gather(&out, "#%s %ld\n", plan.b == total ? "end" : "barrier", epoch);
    send_all(&out);
    crash_point("barrier", epoch);
}

static void source(const char *src, long each) {
    long total = lines_read(src), at = 0;
    folder_make("sink");
    folder_make(id);
    long committed = newest("sink", "ack"), epoch = newest(id, "plan");
    if (committed > epoch) {
        char path[512];
        name_path(path, "%s/%s/plan-%020ld", checkpoint, id, committed);
        fail(78, path, "is missing");
    }
    gather(&out, "#open %ld\n", committed);
    if (epoch) at = record_get("plan", epoch).b;
    for (long e = committed + 1; e <= epoch; e++) send_epoch(e, record_get("plan", e), total);
    while (at < total) {
        struct record plan = {at, at + each < total ? at + each : total};
        record_put("plan", ++epoch, plan);
        send_epoch(epoch, plan, total);
        at = plan.b;
    }
    gather(&out, "#bye\n");
    send_all(&out);
}

static void count_line(struct record *state, const char *line) {
    struct gathered *to = ++state->a % 10 == 0 ? &aside : &out;
    gather(to, "%ld %s\n", state->a, line);
}

static void count(const char *side) {
    struct record state = {0, 0};
    char line[512];
    folder_make(id);
    while (next_line(line)) {
        if (line[0] != '#') {
            count_line(&state, line);
            continue;
        }
        long epoch = strtol(strchr(line, ' '), NULL, 10);
        if (line[1] != 'o') {
            state.b = publish(side, state.b, &aside, epoch);
            record_put("manifest", epoch, state);
        } else if (epoch && !bug("forgets-state")) {
            state = record_get("manifest", epoch);
        }
        gather(&out, "%s\n", line);
        send_all(&out);
        if (line[1] != 'o') crash_point("passed", epoch);
    }
    gather(&out, "#bye\n");
    send_all(&out);
    fprintf(stderr, "{\"tool\":\"count\",\"in\":%ld}\n", state.a);
}

static void sink(const char *dest) {
    struct record ack = {0, 0};
    char line[512];
    folder_make(id);
    while (next_line(line)) {
        if (line[0] != '#') {
            gather(&out, "%s\n", line);
            continue;
        }
        long epoch = strtol(strchr(line, ' '), NULL, 10);
        if (line[1] == 'o') {
            if (epoch) ack = record_get("ack", epoch);
        } else if (bug("ack-first")) {
            record_put("ack", epoch, (struct record){ack.a + (long)out.filled, 0});
            ack.a = publish(dest, ack.a, &out, epoch);
        } else {
            ack.a = publish(dest, ack.a, &out, epoch);
            record_put("ack", epoch, ack);
        }
    }
}

int main(int argc, char **argv) {
    checkpoint = getenv("EV_CHECKPOINT");
    if (argc < 4 || !checkpoint) return 64;
    id = argv[2];
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(id, "source") == 0 && argc == 5) source(argv[3], strtol(argv[4], NULL, 10));
    else if (strcmp(id, "count") == 0) count(argv[3]);
    else if (strcmp(id, "sink") == 0) sink(argv[3]);
    else return 64;
    return 0;
}

/* Runs jobs from a file through exported rules, and writes what comes out to another.
 *
 * A job: rule, elements, bytes of a parameter and of a gradient, steps (u32 each); tensor (u32), zero (u32); first
 * element, seed, total steps (u64); learning rate (f64); parameters; for each step its number (u64), memory, scalars and
 * gradients. A result: starts; for each step the status (i32), scalars, parameters and states. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    void (*start)(double, uint64_t, const double *, double *, float *);
    int (*scalars)(double, uint64_t, uint64_t, uint64_t, const double *, double *, float *);
    void (*step)(void *, const void *, float *const *, const float *, const uint32_t *, uint64_t, uint64_t);
    const double *defaults;
    uint32_t states, memory, scalar_count;
} Rule;

static void take(void *to, size_t size, size_t count, FILE *file)
{
    if (fread(to, size, count, file) != count) {
        fprintf(stderr, "the file of jobs ends early\n");
        exit(1);
    }
}

/* With something behind it that nobody may touch. */
static void *room(size_t size)
{
    unsigned char *bytes = malloc(size + 64);
    for (size_t i = 0; i < 64; i++) {
        bytes[size + i] = 0xa5;
    }
    return bytes;
}

static void leave(void *of, size_t size)
{
    for (size_t i = 0; i < 64; i++) {
        if (((unsigned char *)of)[size + i] != 0xa5) {
            fprintf(stderr, "something was written behind an array\n");
            exit(1);
        }
    }
    free(of);
}

static void job(FILE *in, FILE *out)
{
    uint32_t head[7];
    uint64_t wide[3];
    double lr;
    take(head, 4, 7, in);
    take(wide, 8, 3, in);
    take(&lr, 8, 1, in);
    const Rule *rule = &rules[head[0]];
    const size_t count = head[1], w_bytes = head[2] * count, g_bytes = head[3] * count;
    void *w = room(w_bytes), *g = room(g_bytes);
    float *starts = room(4 * rule->states), *scalars = room(4 * rule->scalar_count);
    float *given = room(4 * rule->scalar_count);
    double *memory = room(8 * rule->memory);
    float **states = room(sizeof(float *) * rule->states);
    take(w, 1, w_bytes, in);
    rule->start(lr, wide[2], rule->defaults, memory, starts);
    fwrite(starts, 4, rule->states, out);
    for (uint32_t s = 0; s < rule->states; s++) {
        states[s] = room(4 * count);
        for (size_t i = 0; i < count; i++) {
            states[s][i] = starts[s];
        }
    }
    for (uint32_t step = 0; step < head[4]; step++) {
        uint64_t number;
        take(&number, 8, 1, in);
        take(memory, 8, rule->memory, in);
        take(given, 4, rule->scalar_count, in);
        take(g, 1, g_bytes, in);
        const int32_t status = rule->scalars(lr, number, wide[2], wide[1], rule->defaults, memory, scalars);
        const uint32_t words[3] = {(uint32_t)wide[1], head[5] ^ (uint32_t)(wide[1] >> 32), (uint32_t)number + head[6]};
        rule->step(w, g, states, given, words, wide[0], count);
        fwrite(&status, 4, 1, out);
        fwrite(scalars, 4, rule->scalar_count, out);
        fwrite(w, 1, w_bytes, out);
        for (uint32_t s = 0; s < rule->states; s++) {
            fwrite(states[s], 4, count, out);
        }
    }
    for (uint32_t s = 0; s < rule->states; s++) {
        leave(states[s], 4 * count);
    }
    leave(states, sizeof(float *) * rule->states);
    leave(memory, 8 * rule->memory);
    leave(given, 4 * rule->scalar_count);
    leave(scalars, 4 * rule->scalar_count);
    leave(starts, 4 * rule->states);
    leave(g, g_bytes);
    leave(w, w_bytes);
}

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    uint32_t jobs;
    if (!in || !out) {
        return 2;
    }
    take(&jobs, 4, 1, in);
    for (uint32_t i = 0; i < jobs; i++) {
        job(in, out);
    }
    return fclose(out) != 0;
}

/* Settings, counters and injected failures, for both libraries. */
#ifndef NOSC_EMULATOR_SETTINGS_H
#define NOSC_EMULATOR_SETTINGS_H

#include <cstdint>
#include <string>
#include <vector>

namespace nosc_emulator {

/* A setting: the environment's, or another text. */
std::string setting(const char *name, const char *otherwise);
/* A setting that is a whole number. */
std::uint64_t number(const char *name, std::uint64_t otherwise);
/* A version like `9.0`, as 90; with other weights, as 13.5 is 13050. */
int version(const std::string &text, int major_weight, int minor_weight);
/* Parts of a text, without the empty ones. */
std::vector<std::string> split(const std::string &text, char at);

/* Adds to a counter; counters are also seen from outside, in `NOSC_EMULATED_FOLDER`. */
void count(const char *name, std::int64_t by = 1);
std::int64_t counted(const char *name);
/* All counters, a line each. */
std::string summary();

/* The code that this call of a function is to fail with; 0 for none. */
std::uint32_t injected(const char *function);

/* Says what was refused and why, where `NOSC_EMULATED_LOG` is on. */
void tell(const std::string &what);

} // namespace nosc_emulator

#endif

// Runs a classic BPF seccomp program in the test, as the kernel would. Anything that a program of ours has no business
// to hold (an unknown instruction, a load that is no register, an end without a return) is a failure, never a verdict.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace assent::test {

struct Interpreted {
  std::uint32_t verdict = 0;  // SECCOMP_RET_…
  std::size_t steps = 0;      // instructions that were run
  bool touched_arguments = false;
};

inline std::optional<Interpreted> interpret(std::span<const sock_filter> program, const seccomp_data& data) {
  Interpreted out;
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& now = program[at];
    ++out.steps;
    switch (now.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (now.k % 4 != 0 || now.k + 4 > sizeof data) return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + now.k, 4);
        if (now.k >= offsetof(seccomp_data, args)) out.touched_arguments = true;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= now.k;
        break;
      case BPF_JMP | BPF_JA:
        at += now.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == now.k ? now.jt : now.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= now.k ? now.jt : now.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        at += accumulator > now.k ? now.jt : now.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += (accumulator & now.k) != 0 ? now.jt : now.jf;
        break;
      case BPF_RET | BPF_K:
        out.verdict = now.k;
        return out;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace assent::test

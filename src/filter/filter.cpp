#include "filter/filter.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/kernel_abi.h"
#include "base/sys.h"
#include "filter/compile.h"

namespace assent::filter {

namespace {

template <Variant kVariant>
constexpr auto compiled() {
  constexpr std::size_t kSize = [] {
    Backwards code;
    compile(code, kVariant);
    return code.here();
  }();
  std::array<sock_filter, kSize> out{};
  Backwards code;
  compile(code, kVariant);
  code.copy_to(out);
  return out;
}

constexpr auto kNormal = compiled<Variant::Normal>();
constexpr auto kGateReads = compiled<Variant::GateReads>();
constexpr auto kGateDatagrams = compiled<Variant::GateDatagrams>();
constexpr auto kGateReadsAndDatagrams = compiled<Variant::GateReadsAndDatagrams>();
static_assert(kNormal.size() <= BPF_MAXINSNS && kGateReads.size() <= BPF_MAXINSNS &&
              kGateDatagrams.size() <= BPF_MAXINSNS && kGateReadsAndDatagrams.size() <= BPF_MAXINSNS);

}  // namespace

std::span<const sock_filter> program(Variant variant) {
  switch (variant) {
    case Variant::Normal:
      return kNormal;
    case Variant::GateReads:
      return kGateReads;
    case Variant::GateDatagrams:
      return kGateDatagrams;
    case Variant::GateReadsAndDatagrams:
      return kGateReadsAndDatagrams;
  }
  return kGateReadsAndDatagrams;
}

Result<UniqueFd> install(std::span<const sock_filter> program) {
  const sock_fprog whole{static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
  const long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                            abi::kFilterFlagNewListener | abi::kFilterFlagWaitKillableRecv, &whole);
  if (fd < 0) return sys::last_error("seccomp");
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace assent::filter

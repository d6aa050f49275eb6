// libldns brings libcrypto into the static program, whose set-up asks the processor what it is, before main and a dozen
// times: on a virtual machine each costs microseconds. Nothing here encrypts; without the answers libcrypto would do it
// in the ways that every processor knows.
extern "C" void __wrap_OPENSSL_cpuid_setup();  // NOLINT(*-reserved-identifier): the linker's word (--wrap)
extern "C" void __wrap_OPENSSL_cpuid_setup() {}

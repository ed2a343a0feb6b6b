// The processor's level of x86-64, for choosing among the libraries of a release wheel. Compiled for any x86-64.

extern "C" __attribute__((visibility("default"))) int recon_cpu_level() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return 4;
  if (__builtin_cpu_supports("x86-64-v3")) return 3;
  if (__builtin_cpu_supports("x86-64-v2")) return 2;
  return 1;
}

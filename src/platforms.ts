// The platforms that binaries are published for, by the names of their packages.

/** Name of each platform package below `@skeg/`. */
export const supported: readonly string[] = ['darwin-arm64', 'linux-arm64-gnu', 'linux-x64-gnu']

/** The name of the platform this runs on, whether or not there is a binary for it. */
export function platformName(): string {
  const { platform, arch } = process
  if (platform === 'linux') return `linux-${arch}-${usesGlibc() ? 'gnu' : 'musl'}`
  if (platform === 'win32') return `win32-${arch}-msvc`
  return `${platform}-${arch}`
}

/** Node's report names the version of glibc it runs with, and nothing of the kind under musl. */
function usesGlibc(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return report.header?.glibcVersionRuntime !== undefined
}

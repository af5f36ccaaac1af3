// TypeScript is compiled by tsx on load; each test file has a process of its own, because much of
// what is tested is how a process lives and ends.
export default {
  files: ['__test__/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=tsx'],
  timeout: '5m',
  workerThreads: false,
  concurrency: 2,
}

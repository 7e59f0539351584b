/** `1 record`, `12,345 records`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** `12,345`. Not toLocaleString(), whose data takes longer to load than a small run takes: 20 ms. */
export function number(value: number): string {
  return String(value).replaceAll(/\B(?<!\.\d*)(?=(?:\d{3})+(?!\d))/g, ',');
}

/** Shows how far long work is, on one line of a terminal: what is done, megabytes, megabytes a second. */
export function progressLine(): { show(done: string, bytes: number): void; clear(): void } {
  const started = performance.now();
  return {
    show: (done, bytes) => {
      const megabytes = bytes / 1e6;
      const rate = megabytes / Math.max(0.001, (performance.now() - started) / 1000);
      process.stderr.write(`\r\x1b[K${done}, ${megabytes.toFixed(0)} MB, ${rate.toFixed(0)} MB/s`);
    },
    clear: () => {
      process.stderr.write('\r\x1b[K');
    },
  };
}

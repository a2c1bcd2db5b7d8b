// One page, bundled into the Python package: nothing is fetched from elsewhere.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../src/alcseg/reviewing/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4000,
    license: { fileName: "licenses.md" },
    modulePreload: { polyfill: false },
  },
});

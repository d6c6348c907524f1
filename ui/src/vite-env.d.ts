declare module '*.po' {
  const catalogue: unknown;
  export default catalogue;
}
